import { type Clock, systemClock } from '../support/clock.ts'
import { Output } from './output.ts'

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** All that a command may touch of the process, so that tests can hand in their own. */
export interface CliIo {
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
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

/** The exit code of a process that a signal ended: 128 + its number. */
export function signalExitCode(signal: StopSignal): number {
  return signal === 'SIGINT' ? 130 : 143
}
