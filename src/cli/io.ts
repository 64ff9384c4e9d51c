import { type Clock, systemClock } from '../support/clock.ts'
import { Output } from './output.ts'

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** All that a command may touch of the process, so that tests can hand in their own. */
export interface CliIo {
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  /** stdout is a terminal that can move its cursor. Default false. */
  readonly interactive?: boolean
  /** Calls `listener` for each SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: (signal: StopSignal) => void): () => void
  /** Ends the process at once; output that nobody has read is lost. */
  exitNow(code: number): void
}

/** The real process. */
export function processIo(): CliIo {
  return {
    stdout: new Output(process.stdout),
    stderr: new Output(process.stderr),
    clock: systemClock,
    interactive: process.stdout.isTTY === true && process.env['TERM'] !== 'dumb',
    onSignal(listener) {
      const onInterrupt = (): void => listener('SIGINT')
      const onTerminate = (): void => listener('SIGTERM')
      process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate)
      return () => {
        process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate)
      }
    },
    exitNow: (code) => process.exit(code),
  }
}

/** Signals closer together than this are one: a Ctrl-C reaches us from the terminal, and again through a wrapper. */
const SAME_SIGNAL_US = 200_000

/**
 * The manners of Ctrl-C: the first signal calls `stop`, a later one ends the process at once with 128 + its number.
 * Returns what ends the listening.
 */
export function onStopSignal(io: CliIo, stop: () => void): () => void {
  let firstUs: number | undefined
  return io.onSignal((signal) => {
    const nowUs = io.clock.monoUs()
    if (firstUs === undefined) {
      firstUs = nowUs
      stop()
    } else if (nowUs - firstUs > SAME_SIGNAL_US) {
      io.exitNow(signal === 'SIGINT' ? 130 : 143)
    }
  })
}
