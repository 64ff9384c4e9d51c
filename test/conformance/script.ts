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
  | { readonly kind: 'sends'; readonly opcode: number; readonly payload: Payload }
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

/** `lines` is the text of a block; `where` names its file and first line. */
export function readScript(lines: readonly string[], where: (line: number) => string): Step[] {
  const steps: Step[] = []
  const reader = new ScriptReader(steps)
  for (const [index, line] of lines.entries()) {
    const match = /^([SCUAT]): (.*)$/.exec(line)
    if (match === null) throw new Error(`${where(index)}: a line begins with S:, C:, U:, A: or T:, not "${line}"`)
    const tokens = new Tokens(match[2] as string, where(index))
    do reader.read(match[1] as string, tokens)
    while (tokens.take(';'))
    tokens.end()
  }
  return steps
}

/** Where a vector says nothing of its end, the server closes, and the client answers with the same code. */
export function endOf(script: readonly Step[]): Step[] {
  if (script.some(({ kind }) => kind === 'ended')) return []
  return readScript(['S: CLOSE 1000', 'C: CLOSE 1000', 'U: REMOTE_CLOSE 1000'], () => 'the usual end')
}

class ScriptReader {
  readonly #steps: Step[]
  /** Data frames since the last message that was complete and echoed. */
  #message: ServerFrames[] = []

  constructor(steps: Step[]) {
    this.#steps = steps
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
    const frames = readServerFrames(tokens)
    if (DATA_OPCODES.includes(frames.opcode)) this.#message.push(frames)
    const times = readTimes(tokens)
    this.#steps.push({ kind: 'write', bytes: () => repeated(frames.bytes(), times) })
  }

  #client(tokens: Tokens): void {
    if (tokens.take('nothing')) this.#steps.push({ kind: 'silent' })
    else if (tokens.take('echo')) this.#echo(tokens)
    else {
      const opcode = readOpcode(tokens)
      const payload = opcode === CLOSE ? readClosePayload(tokens) : readPayload(tokens)
      const times = readTimes(tokens)
      for (let i = 0; i < times; i++) this.#steps.push({ kind: 'sends', opcode, payload })
      if (DATA_OPCODES.includes(opcode)) this.#message = []
    }
  }

  /** The message that the frames since the last one make. */
  #echo(tokens: Tokens): void {
    const [first] = this.#message
    if (first === undefined) throw tokens.error('a message in front of echo')
    const payload = concatenated(this.#message.map((frames) => frames.payload))
    this.#steps.push({ kind: 'sends', opcode: first.opcode, payload })
    this.#message = []
  }

  #user(tokens: Tokens): void {
    if (tokens.take('open')) {
      this.#steps.push({ kind: 'opened', subprotocol: tokens.takeText()?.toString() ?? '' })
    } else if (isFrameName(tokens.next)) {
      const opcode = readOpcode(tokens)
      this.#steps.push({ kind: 'told', opcode, payload: readPayload(tokens) })
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
      const timeoutMs = tokens.take('within') ? tokens.number() : DEFAULT_CLOSE_TIMEOUT_MS
      if (timeoutMs !== DEFAULT_CLOSE_TIMEOUT_MS) tokens.expect('ms')
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

/** `3 times`, or nothing. */
function readTimes(tokens: Tokens): number {
  const times = tokens.takeNumber()
  if (times !== undefined) tokens.expect('times')
  return times ?? 1
}

function repeated(bytes: Buffer, times: number): Buffer {
  return times === 1 ? bytes : Buffer.alloc(bytes.length * times, bytes)
}
