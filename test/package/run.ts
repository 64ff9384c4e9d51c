import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Runs a program to its end; when it fails, the error says what it printed. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cwd, env, timeoutMs = 120_000 } = options
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 512 << 20,
    })
    return stdout
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout?: string; stderr?: string; killed?: boolean }
    const how = killed === true ? `did not end within ${timeoutMs} ms` : 'failed'
    throw new Error(`${program} ${args.join(' ')} ${how}\n${stdout ?? ''}\n${stderr ?? ''}`)
  }
}
