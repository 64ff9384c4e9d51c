import { parametersOf, ServerDeflate } from './deflate.ts'
import { isFrameName, readClosePayload, readOpcode, readServerFrames, type ServerFrames } from './frames.ts'
import { concatenated, EMPTY, type Payload, readPayload } from './payload.ts'
import { Tokens } from './tokens.ts'

/** What happens, or must happen, in the order of the vector's lines. README.md has the notation. */
export type Step =
  /** The server writes. */
  | { readonly kind: 'write'; bytes(): Buffer }
  /** The server does something to the socket. */
  | { readonly kind: 'server'; readonly action: ServerAction }
  /** The client must send this frame; one with data answers a message that the user was told. */
  | {
      readonly kind: 'sends'
      readonly opcode: number
      readonly payload: Payload
      /** By permessage-deflate; undefined: either way. */
      readonly compressed: boolean | undefined
    }
  /** The client must have read everything, and sent and told nothing more than was listed. */
  | { readonly kind: 'silent' }
  /** The user must be told of a frame that is not answered. */
  | { readonly kind: 'told'; readonly opcode: number; readonly payload: Payload }
  | { readonly kind: 'opened'; readonly subprotocol: string }
  /** The connection must end, and the user be told so. */
  | { readonly kind: 'ended'; readonly end: End }
  /** What the application does. */
  | { readonly kind: 'does'; readonly action: Action }
  | { readonly kind: 'time'; readonly ms: number }

/** `holds`: it never ends TCP by itself. */
export type ServerAction = 'FIN' | 'RST' | 'holds' | 'stalls' | 'reads'

export interface End {
  /** Of `WsDisconnectCause`. */
  readonly code: string
  readonly closeCode: number | undefined
  readonly reason: string
}

export type Action =
  | {
      readonly verb: 'sends' | 'pings' | 'pongs'
      readonly opcode: number
      readonly payload: Payload
      readonly times: number
    }
  | { readonly verb: 'closes'; readonly code: number; readonly reason: string; readonly timeoutMs: number }
  | { readonly verb: 'terminates' | 'pauses' | 'resumes' | 'listens' }

const DATA_OPCODES = [0, 1, 2]
const SERVER_ACTIONS = ['FIN', 'RST', 'holds', 'stalls', 'reads'] as const satisfies readonly ServerAction[]
const CLOSE = 8
const DEFAULT_CLOSE_TIMEOUT_MS = 10_000

/** What lasts from one reading of a vector's lines to the next. */
export class ScriptState {
  /** By actor: what the client sends back is read from the beginning again. */
  readonly samples: Readonly<Record<string, Map<string, number>>> = Object.fromEntries(
    [...'SCUAT'].map((actor) => [actor, new Map<string, number>()]),
  )
  readonly deflate: ServerDeflate

  /** `extensions`: of the server's answer. */
  constructor(extensions: string) {
    this.deflate = new ServerDeflate(parametersOf(extensions))
  }
}

/** `lines` is the text of a block; `where` names its file and first line. */
export function readScript(lines: readonly string[], where: (line: number) => string, state: ScriptState): Step[] {
  const steps: Step[] = []
  const reader = new ScriptReader(steps, state.deflate)
  for (const [index, line] of lines.entries()) {
    const match = /^([SCUAT]): (.*)$/.exec(line)
    if (match === null) throw new Error(`${where(index)}: a line begins with S:, C:, U:, A: or T:, not "${line}"`)
    const tokens = new Tokens(match[2] as string, where(index), state.samples[match[1] as string])
    do reader.read(match[1] as string, tokens)
    while (tokens.take(';'))
    tokens.end()
  }
  return steps
}

/** Where a vector says nothing of its end, the server closes, and the client answers with the same code. */
export function endOf(script: readonly Step[]): Step[] {
  if (script.some(({ kind }) => kind === 'ended')) return []
  const lines = ['S: CLOSE 1000', 'C: CLOSE 1000', 'U: REMOTE_CLOSE 1000']
  return readScript(lines, () => 'the usual end', new ScriptState(''))
}

class ScriptReader {
  readonly #steps: Step[]
  readonly #deflate: ServerDeflate
  /** Data frames since the last message that was complete and echoed. */
  #message: ServerFrames[] = []

  constructor(steps: Step[], deflate: ServerDeflate) {
    this.#steps = steps
    this.#deflate = deflate
  }

  read(actor: string, tokens: Tokens): void {
    if (actor === 'S') this.#server(tokens)
    else if (actor === 'C') this.#client(tokens)
    else if (actor === 'U') this.#user(tokens)
    else if (actor === 'A') this.#steps.push({ kind: 'does', action: readAction(tokens) })
    else this.#time(tokens)
  }

  #server(tokens: Tokens): void {
    const action = SERVER_ACTIONS.find((word) => tokens.take(word))
    if (action !== undefined) {
      this.#steps.push({ kind: 'server', action })
      return
    }
    if (tokens.take('BYTES')) {
      const payload = readPayload(tokens)
      this.#steps.push({ kind: 'write', bytes: () => payload.bytes() })
      return
    }
    const frames = readServerFrames(tokens, this.#deflate)
    if (DATA_OPCODES.includes(frames.opcode)) this.#message.push(frames)
    const times = readTimes(tokens)
    this.#steps.push({ kind: 'write', bytes: () => repeated(frames.bytes(), times) })
  }

  #client(tokens: Tokens): void {
    if (tokens.take('nothing')) this.#steps.push({ kind: 'silent' })
    else if (tokens.take('echo')) this.#echo(tokens)
    else {
      const opcode = readOpcode(tokens)
      const compressed = readCompressed(tokens)
      const payload = opcode === CLOSE ? readClosePayload(tokens) : readPayload(tokens)
      const times = readTimes(tokens)
      for (let i = 0; i < times; i++) this.#steps.push({ kind: 'sends', opcode, payload, compressed })
      if (DATA_OPCODES.includes(opcode)) this.#message = []
    }
  }

  /** The message that the frames since the last one make. */
  #echo(tokens: Tokens): void {
    const [first] = this.#message
    if (first === undefined) throw tokens.error('a message in front of echo')
    const payload = concatenated(this.#message.map((frames) => frames.payload))
    this.#steps.push({ kind: 'sends', opcode: first.opcode, payload, compressed: readCompressed(tokens) })
    this.#message = []
  }

  #user(tokens: Tokens): void {
    if (tokens.take('open')) {
      this.#steps.push({ kind: 'opened', subprotocol: tokens.takeText()?.toString() ?? '' })
    } else if (isFrameName(tokens.next)) {
      const opcode = readOpcode(tokens)
      const payload = readPayload(tokens)
      const times = readTimes(tokens)
      for (let i = 0; i < times; i++) this.#steps.push({ kind: 'told', opcode, payload })
    } else {
      const code = tokens.word()
      const end = { code, closeCode: tokens.takeNumber(), reason: tokens.takeText()?.toString() ?? '' }
      this.#steps.push({ kind: 'ended', end })
    }
  }

  #time(tokens: Tokens): void {
    this.#steps.push({ kind: 'time', ms: tokens.number() })
    tokens.expect('ms')
  }
}

function readAction(tokens: Tokens): Action {
  const verb = tokens.word()
  switch (verb) {
    case 'sends': {
      const opcode = readOpcode(tokens)
      const payload = readPayload(tokens)
      return { verb, opcode, payload, times: readTimes(tokens) }
    }
    case 'pings':
    case 'pongs':
      return {
        verb,
        opcode: verb === 'pings' ? 9 : 10,
        payload: tokens.next === undefined ? EMPTY : readPayload(tokens),
        times: 1,
      }
    case 'closes': {
      const code = tokens.takeNumber() ?? 0
      const reason = tokens.takeText()?.toString() ?? ''
      if (!tokens.take('within')) return { verb, code, reason, timeoutMs: DEFAULT_CLOSE_TIMEOUT_MS }
      const timeoutMs = tokens.number()
      tokens.expect('ms')
      return { verb, code, reason, timeoutMs }
    }
    case 'terminates':
    case 'pauses':
    case 'resumes':
    case 'listens':
      return { verb }
  }
  throw tokens.error('sends, pings, pongs, closes, terminates, pauses, resumes or listens')
}

/** `(DEFLATED)`, `(PLAIN)`, or nothing. */
function readCompressed(tokens: Tokens): boolean | undefined {
  if (!tokens.take('(')) return undefined
  const compressed = tokens.take('DEFLATED')
  if (!compressed) tokens.expect('PLAIN')
  tokens.expect(')')
  return compressed
}

/** `3 times`, or nothing. */
function readTimes(tokens: Tokens): number {
  const times = tokens.takeNumber()
  if (times !== undefined) tokens.expect('times')
  return times ?? 1
}

function repeated(bytes: Buffer, times: number): Buffer {
  return times === 1 ? bytes : Buffer.alloc(bytes.length * times, bytes)
}
