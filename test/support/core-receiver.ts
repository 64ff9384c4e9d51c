import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { PROTOCOL_STATUSES } from '../../src/errors/statuses.ts'
import type { Receipt, ReceiverOptions } from './receipt.ts'

/** `core/` under the sanitizers, in a process of its own that takes stream after stream: native/test/stream_runner.cc. */
export class CoreReceiver {
  readonly #child: ChildProcessWithoutNullStreams
  #output: Buffer = Buffer.alloc(0)
  #said = ''
  #waiting: { readonly answered: (receipt: Receipt) => void; readonly failed: (error: Error) => void } | undefined

  private constructor(binary: string) {
    this.#child = spawn(binary, [], { stdio: 'pipe' })
    this.#child.stdout.on('data', (bytes: Buffer) => this.#read(bytes))
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#said += text.toString()
    })
    this.#child.stdin.on('error', () => {}) // it died: `close` tells
    this.#child.on('close', (code, signal) => {
      this.#waiting?.failed(new Error(`core died with ${signal ?? `exit code ${code}`}\n${this.#said}`))
      this.#waiting = undefined
    })
  }

  /** Why it cannot be built here, if so. */
  static missing(): string | undefined {
    const cxx = process.env['CXX'] || 'g++'
    return spawnSync(cxx, ['--version']).status === 0 ? undefined : `no C++ compiler: ${cxx} does not run`
  }

  /** Compiles what changed since the last time. */
  static async start(): Promise<CoreReceiver> {
    const native = await import('../../scripts/native-program.mjs')
    return new CoreReceiver(join(native.root, await native.buildStreamRunner()))
  }

  /** One stream at a time. */
  receive(chunks: readonly Uint8Array[], options: ReceiverOptions): Promise<Receipt> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return Promise.reject(new Error(`core is gone\n${this.#said}`))
    }
    const { maxFrameBytes, maxMessageBytes, deflate } = options
    const bytes = Buffer.concat(chunks)
    const head = [
      ...[maxFrameBytes, maxMessageBytes, deflate?.windowBits ?? 0, deflate?.noContextTakeover === true ? 1 : 0, 0],
      ...[chunks.length, ...chunks.map((chunk) => chunk.length), bytes.length],
    ]
    return new Promise((answered, failed) => {
      this.#waiting = { answered, failed }
      this.#child.stdin.write(Buffer.concat([Buffer.from(`${head.join(' ')}\n`), bytes]))
    })
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.end()
    await closed
  }

  #read(bytes: Buffer): void {
    this.#output = Buffer.concat([this.#output, bytes])
    const end = this.#output.indexOf(0x0a)
    if (end === -1) return
    const [status, closed, size] = this.#output.toString('latin1', 0, end).split(' ').map(Number) as [
      number,
      number,
      number,
    ]
    if (this.#output.length < end + 1 + size) return
    const log = this.#output.toString('latin1', end + 1, end + 1 + size)
    this.#output = this.#output.subarray(end + 1 + size)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.answered(receiptOf(status, closed === 1, log))
  }
}

function receiptOf(number: number, closed: boolean, log: string): Receipt {
  const status = PROTOCOL_STATUSES[number]
  if (number === 0 || status === undefined)
    return { log, end: closed ? 'close' : 'open', closeCode: undefined, why: '' }
  // The last line says what `status` says.
  const told = log.replace(/violation \d+\n$/, '')
  return { log: told, end: 'violation', closeCode: status.closeCode, why: status.code }
}
