import { Writable } from 'node:stream'
import type { CliIo, StopSignal } from '../../src/cli/io.ts'
import { Output } from '../../src/cli/output.ts'
import { type Clock, systemClock } from '../../src/support/clock.ts'

/** Keeps what is written; while `held`, it takes nothing, as a pipe that nobody reads. */
export class TextSink extends Writable {
  text = ''
  #release: (() => void) | undefined
  #held = false

  constructor() {
    super({ decodeStrings: false, highWaterMark: 1024 })
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }

  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#release?.()
  }

  /** As when the reader of a pipe goes away. */
  breakPipe(code = 'EPIPE'): void {
    this.destroy(Object.assign(new Error(`write ${code}`), { code }))
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const take = (): void => {
      this.text += chunk.toString()
      done()
    }
    if (this.#held) this.#release = take
    else take()
  }
}

/** A process for commands under test. */
export class TestIo implements CliIo {
  readonly out = new TextSink()
  readonly err = new TextSink()
  readonly clock: Clock
  readonly stdout: Output
  readonly stderr: Output
  readonly exits: number[] = []
  readonly #listeners = new Set<(signal: StopSignal) => void>()

  constructor(clock: Clock = systemClock) {
    this.clock = clock
    this.stdout = new Output(this.out, clock)
    this.stderr = new Output(this.err, clock)
  }

  get signalListeners(): number {
    return this.#listeners.size
  }

  signal(signal: StopSignal): void {
    for (const listener of [...this.#listeners]) listener(signal)
  }

  onSignal(listener: (signal: StopSignal) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  exitNow(code: number): void {
    this.exits.push(code)
  }

  /** Waits until stdout has a line that matches; fails the test with what there is after 10 s. */
  async line(pattern: RegExp): Promise<string> {
    for (let i = 0; i < 1000; i++) {
      const found = this.out.lines.find((line) => pattern.test(line))
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`no line on stdout matches ${pattern}\nstdout:\n${this.out.text}\nstderr:\n${this.err.text}`)
  }
}
