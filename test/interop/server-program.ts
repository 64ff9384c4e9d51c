import { type ChildProcess, spawn } from 'node:child_process'

/** How long anything may take that a server is to do or to tell. */
export const PATIENCE_MS = 20_000

/** What a server program says on stdout; `servers/README.md`. */
export interface ServerLine {
  readonly event: 'listening' | 'open' | 'ping' | 'pong' | 'close'
  readonly client?: string
  readonly port?: number
  readonly subprotocol?: string
  /** Hex. */
  readonly payload?: string
  readonly code?: number
  readonly reason?: string
}

/** A process that serves until its stdin ends. */
export class ServerProgram {
  readonly #child: ChildProcess
  readonly #lines: ServerLine[] = []
  readonly #ended: Promise<string>
  #stderr = ''
  #rest = ''
  #wake = (): void => {}

  constructor(command: string, argv: readonly string[]) {
    this.#child = spawn(command, argv, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin?.on('error', () => {}) // gone before it was told to go
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-4000)
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`cannot be started: ${error.message}`))
      this.#child.once('close', (code, signal) => resolve(`ended with ${signal ?? code}`))
    })
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The first line that `wanted` accepts, now or within {@link PATIENCE_MS}. */
  async line(what: string, wanted: (line: ServerLine) => boolean): Promise<ServerLine> {
    let late = false
    const patience = setTimeout(() => {
      late = true
      this.#wake()
    }, PATIENCE_MS)
    try {
      for (;;) {
        const found = this.#lines.find(wanted)
        if (found !== undefined) return found
        if (late) throw new Error(`the server did not say: ${what}\n${this.#log()}`)
        const more = new Promise<undefined>((resolve) => {
          this.#wake = () => resolve(undefined)
        })
        const ended = await Promise.race([more, this.#ended])
        if (ended !== undefined && !this.#lines.some(wanted)) {
          throw new Error(`the server ${ended} before: ${what}\n${this.#log()}`)
        }
      }
    } finally {
      clearTimeout(patience)
    }
  }

  async stop(): Promise<void> {
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    this.#child.stdin?.end()
    await this.#ended
    clearTimeout(patience)
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() as string
    for (const line of lines) this.#lines.push(JSON.parse(line) as ServerLine)
    this.#wake()
  }

  #log(): string {
    return [...this.#lines.map((line) => JSON.stringify(line)), this.#stderr].join('\n')
  }
}
