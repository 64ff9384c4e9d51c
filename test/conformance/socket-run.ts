import { createHash } from 'node:crypto'
import type { WsTransport } from '../../src/transport/transport.ts'
import { EchoApplication, TERMINATED } from './application.ts'
import type { Chop } from './chops.ts'
import { parametersOf, ServerInflate } from './deflate.ts'
import { payloadOf, shown } from './payload.ts'
import type { End, ServerAction, Step } from './script.ts'
import type { ConformanceServer, ServerEnd } from './server.ts'
import type { Vector } from './vectors.ts'
import { type Expected, listed, sentProblem, toldProblem } from './verdict.ts'

/** How long the client may take for what it must do. */
export type Patience =
  /** Of real time, for a client that is expected to do right. */
  | { readonly ms: number }
  /** Turns of the event loop behind everything that the server wrote, for one that is known not to. */
  | { readonly turns: number }

export interface RunResult {
  /** Comparisons made. */
  checks: number
  failure: string | undefined
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const CLOSE = 8
/** What must not happen has this many turns to happen. */
const QUIET_TURNS = 4

class Failure extends Error {}

/** One vector, once, with the server's bytes cut in one way. */
export async function runOnSockets(
  server: ConformanceServer,
  transport: WsTransport,
  vector: Vector,
  chop: Chop,
  patience: Patience,
): Promise<RunResult> {
  const run = new SocketRun(server, transport, vector, chop, patience)
  try {
    await run.all()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    run.result.failure = error.message
  } finally {
    await run.cleanUp()
  }
  return run.result
}

class SocketRun {
  readonly result: RunResult = { checks: 0, failure: undefined }
  readonly #vector: Vector
  readonly #chop: Chop
  readonly #patience: Patience
  readonly #client: EchoApplication
  #server: ServerEnd | undefined
  /** Bytes written behind the response head. */
  #written = 0
  /** Bytes of the server's stream, a head that is the vector's own included. */
  #streamed = 0
  #serverEnds = true
  #serverEnded = false
  #subprotocol: string | undefined
  readonly #sent: Expected[] = []
  readonly #told: Expected[] = []
  /** What the application sent by itself and has not been seen yet. */
  #own: Expected[] = []

  constructor(server: ConformanceServer, transport: WsTransport, vector: Vector, chop: Chop, patience: Patience) {
    this.#vector = vector
    this.#chop = chop
    this.#patience = patience
    const url = server.reserve((end) => {
      this.#server = end
    })
    this.#client = new EchoApplication(transport, url, vector)
  }

  async all(): Promise<void> {
    await this.#until(() => this.#server !== undefined, 'the request')
    const steps = [...this.#vector.steps]
    await this.#answerUpgrade(steps)
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      await (step.kind === 'write' ? this.#write(withNextWrites(step, steps)) : this.#step(step, steps))
    }
  }

  async cleanUp(): Promise<void> {
    const client = this.#client
    if (client.cause === undefined) client.link.terminate(TERMINATED)
    this.#server?.socket.destroy()
    for (let turns = 0; client.cause === undefined && turns < 10_000; turns++) await turn()
  }

  async #step(step: Exclude<Step, { kind: 'write' }>, rest: readonly Step[]): Promise<void> {
    switch (step.kind) {
      case 'sends':
      case 'told':
      case 'opened':
        this.#expect(step)
        // Judged when all that is expected together is known.
        if (!['sends', 'told', 'opened'].includes(rest[0]?.kind ?? '')) await this.#judge()
        return
      case 'silent':
        await this.#everythingRead()
        await this.#judgeExactly()
        this.#check(this.#client.cause === undefined, () => `the connection ended: ${this.#client.cause?.code}`)
        return
      case 'ended':
        return this.#judgeEnd(step.end)
      case 'server':
        return this.#serverDoes(step.action)
      case 'does':
        if ('times' in step.action) {
          const { opcode, payload, times } = step.action
          for (let i = 0; i < times; i++) this.#own.push({ opcode, payload })
        }
        this.#client.perform(step.action)
        return
      case 'time':
        for (let turns = 0; turns < QUIET_TURNS; turns++) await turn()
        this.#client.clock.advance(step.ms)
        await turn()
    }
  }

  // ---- The server's part ----

  async #answerUpgrade(steps: Step[]): Promise<void> {
    const { requestHeaders } = this.#end
    const key = requestHeaders.get('sec-websocket-key') ?? ''
    this.#check(/^[A-Za-z0-9+/]{22}==$/.test(key), () => `Sec-WebSocket-Key: ${key} is not 16 bytes in base64`)
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const { offer, answer } = this.#vector.extensions
    const offered = requestHeaders.get('sec-websocket-extensions') ?? ''
    this.#check(offered === offer, () => `the client offered "${offered}"; should be "${offer}"`)
    if (answer !== '') {
      const { clientNoContextTakeover, ...agreed } = parametersOf(answer)
      // What the client offers about itself holds whatever the server says.
      const promised = parametersOf(offer)
      this.#end.admitCompressed(
        new ServerInflate({
          ...agreed,
          clientNoContextTakeover: clientNoContextTakeover || promised.clientNoContextTakeover,
          clientMaxWindowBits: Math.min(agreed.clientMaxWindowBits, promised.clientMaxWindowBits),
        }),
      )
    }
    if (this.#vector.head !== undefined) {
      const head = Buffer.from(this.#vector.head.replaceAll('{accept}', accept), 'latin1')
      const [first] = steps
      const glued = first?.kind === 'write' ? withNextWrites(steps.shift() as typeof first, steps) : Buffer.alloc(0)
      // What the client counts begins behind the head.
      this.#written = -head.length
      await this.#write(Buffer.concat([head, glued]))
      return
    }
    const extensions = answer === '' ? '' : `Sec-WebSocket-Extensions: ${answer}\r\n`
    const head = Buffer.from(`${USUAL_HEAD.replace('{accept}', accept)}${extensions}\r\n`, 'latin1')
    if (this.#chop.glued && steps[0]?.kind === 'write') {
      const bytes = withNextWrites(steps.shift() as Step & { kind: 'write' }, steps)
      this.#end.socket.write(Buffer.concat([head, bytes]))
      this.#written = bytes.length
    } else this.#end.socket.write(head)
    await this.#until(() => this.#client.opened !== undefined || this.#client.cause !== undefined, 'onOpen')
    this.#check(this.#client.opened !== undefined, () => `not opened: ${this.#client.cause?.message}`)
  }

  async #write(bytes: Buffer): Promise<void> {
    const { socket } = this.#end
    for (let at = 0; at < bytes.length && !this.#clientGone; ) {
      const cut = Math.min(bytes.length, at + this.#chop.nextCut(this.#streamed) - this.#streamed)
      socket.write(bytes.subarray(at, cut))
      this.#written += cut - at
      this.#streamed += cut - at
      at = cut
      if (at < bytes.length) await this.#pieceRead()
    }
  }

  /** The pieces must not come together again in the kernel, or in one read. */
  async #pieceRead(): Promise<void> {
    const { link, opened, paused } = this.#client
    if (opened === undefined || paused) {
      await turn()
      await turn()
      return
    }
    await this.#until(() => link.bytesReceived >= this.#written || this.#clientGone, 'a read by the client')
  }

  async #everythingRead(): Promise<void> {
    const { link, paused } = this.#client
    await this.#until(() => paused || link.bytesReceived >= this.#written || this.#clientGone, 'a read by the client')
    for (let turns = 0; turns < QUIET_TURNS; turns++) await turn()
  }

  #serverDoes(action: ServerAction): void {
    const { socket } = this.#end
    if (action === 'holds') this.#serverEnds = false
    else if (action === 'stalls') socket.pause()
    else if (action === 'reads') socket.resume()
    else {
      this.#serverEnded = true
      if (action === 'FIN') socket.end()
      else socket.resetAndDestroy()
    }
  }

  // ---- What the client must do ----

  #expect(step: Step & { kind: 'sends' | 'told' | 'opened' }): void {
    if (step.kind === 'opened') {
      this.#subprotocol = step.subprotocol
      return
    }
    const { opcode, payload } = step
    const frame = { opcode, payload, compressed: step.kind === 'sends' ? step.compressed : undefined }
    if (step.kind === 'told') {
      this.#told.push(frame)
      return
    }
    this.#sent.push(frame)
    const [own] = this.#own
    if (own !== undefined && own.opcode === opcode) this.#own.shift()
    // An echo answers a message, and a pong a ping.
    else if (opcode === 1 || opcode === 2) this.#told.push({ opcode, payload })
    else if (opcode === 10) this.#told.push({ opcode: 9, payload })
  }

  /** Waits until as many frames have come as are expected, then compares. */
  async #judge(): Promise<void> {
    const enough = (): boolean =>
      (this.#subprotocol === undefined || this.#client.opened !== undefined) &&
      this.#end.frames.length >= this.#sent.length &&
      this.#client.told.length >= this.#told.length
    await this.#until(
      () => enough() || this.#defect !== undefined || this.#clientGone,
      () => this.#missing(),
    )
    await this.#judgeExactly()
  }

  async #judgeExactly(): Promise<void> {
    this.#compare(toldProblem(this.#told, this.#client.told))
    this.#compare(sentProblem(this.#sent, this.#end.frames))
    this.#compare(this.#defect)
    if (this.#subprotocol === undefined) return
    const { opened } = this.#client
    this.#compare(opened?.subprotocol === this.#subprotocol ? undefined : `opened with ${JSON.stringify(opened)}`)
  }

  async #judgeEnd(end: End): Promise<void> {
    const client = this.#client
    if (this.#end.frames.at(-1)?.opcode === CLOSE && this.#serverEnds && !this.#serverEnded) this.#end.socket.end()
    await this.#until(() => client.cause !== undefined, 'onEnd')
    await this.#until(() => this.#end.ended !== undefined || this.#end.socket.destroyed, 'the end of TCP')
    for (let turns = 0; turns < QUIET_TURNS; turns++) await turn()
    await this.#judgeExactly()
    this.#check(
      this.#end.unfinishedBytes === 0 || end.code === TERMINATED.code,
      () => 'the client left in the middle of a frame',
    )
    this.#compare(endProblem(end, client))
    const keys = new Set(this.#end.frames.map(({ maskKey }) => maskKey.toString('hex')))
    this.#check(keys.size > 1 || this.#end.frames.length < 4, () => 'the client masks every frame with one key')
    this.#check(client.clock.pendingTimers === 0, () => `${client.clock.pendingTimers} timers are left armed`)
  }

  // ---- Waiting and comparing ----

  get #end(): ServerEnd {
    return this.#server as ServerEnd
  }

  get #defect(): string | undefined {
    return this.#client.defect ?? this.#server?.defect
  }

  get #clientGone(): boolean {
    return this.#client.cause !== undefined || this.#server?.ended !== undefined
  }

  #missing(): string {
    const what = `the user was told ${listed(this.#client.told)}, the client sent ${listed(this.#end.frames)}`
    const sent = listed(this.#sent.map(({ opcode, payload }) => ({ opcode, payload: payload.bytes() })))
    return `what should be sent: ${sent} (${what})`
  }

  #compare(problem: string | undefined): void {
    this.result.checks++
    if (problem !== undefined) throw new Failure(problem)
  }

  #check(holds: boolean, problem: () => string): void {
    this.#compare(holds ? undefined : problem())
  }

  async #until(condition: () => boolean, what: string | (() => string)): Promise<void> {
    const start = performance.now()
    for (let turns = 0; !condition(); turns++) {
      const over = 'ms' in this.#patience ? performance.now() - start > this.#patience.ms : turns > this.#patience.turns
      if (over) throw new Failure(`waited in vain for ${typeof what === 'string' ? what : what()}`)
      await turn()
    }
  }
}

const USUAL_HEAD = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: {accept}',
  '',
].join('\r\n')

/** The bytes of this write and of those that follow it directly: they leave together, unless the chop says otherwise. */
function withNextWrites(step: Step & { kind: 'write' }, rest: Step[]): Buffer {
  const parts = [step.bytes()]
  while (rest[0]?.kind === 'write') parts.push((rest.shift() as Step & { kind: 'write' }).bytes())
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

function endProblem({ code, closeCode, reason }: End, { cause }: EchoApplication): string | undefined {
  if (cause === undefined) return 'the user was not told of the end'
  const found = [cause.code]
  const wanted = [code]
  if (closeCode !== undefined) {
    wanted.push(`${closeCode}`, shown(Buffer.from(reason)))
    found.push('closeCode' in cause ? `${cause.closeCode}` : 'no code')
    found.push(
      'closeReason' in cause ? shown(Buffer.from(cause.closeReason)) : shown(payloadOf(Buffer.alloc(0)).bytes()),
    )
  }
  return found.join(' ') === wanted.join(' ')
    ? undefined
    : `the user was told ${found.join(' ')}; should be ${wanted.join(' ')}`
}
