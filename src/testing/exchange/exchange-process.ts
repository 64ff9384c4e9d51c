import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SharedWsError } from '../../errors/errors.ts'
import { type ClockTimer, systemClock } from '../../support/clock.ts'
import type { ChildAnswer, ControlName, ForkedExchangeOptions, Started } from './control-protocol.ts'
import type { ExchangeCore } from './core.ts'
import type { ExchangeLogEntry } from './log.ts'

const CALL_DEADLINE_MS = 10_000
/** Entries of the log in one message. */
const LOG_PAGE = 10_000

interface PendingCall {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
  readonly timer: ClockTimer
}

/** As the controls of `EmbeddedExchange`, with promises; each rejects when the process does not answer within 10 s. */
type Remote<K extends ControlName> = (...args: Parameters<ExchangeCore[K]>) => Promise<ReturnType<ExchangeCore[K]>>

/**
 * An embedded exchange in a process of its own, so that neither disturbs the other's event loop. It ends with
 * {@link stop}, and with this process, however that ends.
 */
export class ExchangeProcess {
  readonly drop: Remote<'drop'> = (...args) => this.#call('drop', args)
  readonly closeConnections: Remote<'closeConnections'> = (...args) => this.#call('closeConnections', args)
  readonly stall: Remote<'stall'> = (...args) => this.#call('stall', args)
  readonly refuseConnects: Remote<'refuseConnects'> = (...args) => this.#call('refuseConnects', args)
  readonly send: Remote<'send'> = (...args) => this.#call('send', args)
  readonly sendCut: Remote<'sendCut'> = (...args) => this.#call('sendCut', args)
  readonly skip: Remote<'skip'> = (...args) => this.#call('skip', args)
  readonly setFate: Remote<'setFate'> = (...args) => this.#call('setFate', args)
  readonly expireTokens: Remote<'expireTokens'> = (...args) => this.#call('expireTokens', args)
  readonly calm: Remote<'calm'> = (...args) => this.#call('calm', args)
  readonly stats: Remote<'stats'> = (...args) => this.#call('stats', args)

  /** Resolves when the process has ended, whatever the cause. Never rejects. */
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #pending = new Map<number, PendingCall>()
  #calls = 0
  #address: Started | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (answer: ChildAnswer) => this.#onAnswer(answer))
    this.exited = new Promise((resolve) => {
      const onEnd = (reason: string): void => {
        for (const { reject, timer } of this.#pending.values()) {
          timer.cancel()
          reject(new SharedWsError('ERR_EXCHANGE', `the exchange's process has ended (${reason})`))
        }
        this.#pending.clear()
        resolve()
      }
      child.once('error', (error) => onEnd(error.message))
      child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`))
    })
  }

  /** Rejects as `EmbeddedExchange.start` does, and when no process can be had. */
  static async start(options: ForkedExchangeOptions = {}): Promise<ExchangeProcess> {
    const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      execArgv: [],
    })
    const exchange = new ExchangeProcess(child)
    try {
      exchange.#address = await exchange.#call('start', [options])
    } catch (error) {
      await exchange.stop()
      throw error
    }
    return exchange
  }

  get url(): string {
    return (this.#address as Started).url
  }

  get port(): number {
    return (this.#address as Started).port
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The log behind the first `skip` entries, fetched in pages. */
  async log(skip = 0): Promise<readonly ExchangeLogEntry[]> {
    const entries: ExchangeLogEntry[] = []
    for (;;) {
      const page = await this.#call<readonly ExchangeLogEntry[]>('log', [skip + entries.length, LOG_PAGE])
      entries.push(...page)
      if (page.length < LOG_PAGE) return entries
    }
  }

  /** Ends the process, by force when it does not go within 2 s. Idempotent. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const timer = systemClock.setTimer(2000, () => this.#child.kill('SIGKILL'))
    await this.exited
    timer.cancel()
  }

  #call<T>(method: ControlName | 'start', args: readonly unknown[]): Promise<T> {
    const call = ++this.#calls
    return new Promise<T>((resolve, reject) => {
      const fail = (message: string): void => {
        timer.cancel()
        if (this.#pending.delete(call)) reject(new SharedWsError('ERR_EXCHANGE', message))
      }
      const timer = systemClock.setTimer(CALL_DEADLINE_MS, () =>
        fail(`the exchange's process did not answer "${method}" within ${CALL_DEADLINE_MS} ms`),
      )
      this.#pending.set(call, { resolve, reject, timer })
      if (!this.#child.connected) {
        fail("the exchange's process has ended")
        return
      }
      this.#child.send({ call, method, args }, (error) => {
        if (error !== null) fail(`the exchange's process cannot be reached: ${error.message}`)
      })
    })
  }

  #onAnswer(answer: ChildAnswer): void {
    const pending = this.#pending.get(answer.call)
    if (pending === undefined) return
    this.#pending.delete(answer.call)
    pending.timer.cancel()
    if ('error' in answer) pending.reject(new SharedWsError(answer.error.code, answer.error.message))
    else pending.resolve(answer.result as never)
  }
}
