#!/usr/bin/env node
import { runCli } from './cli.ts'
import { processIo } from './io.ts'

const io = processIo()

// The exit code is set, not forced: what stdout still holds is written, and a leaked handle would show.
runCli(process.argv.slice(2), io).then(
  (code) => {
    process.exitCode = code
    // Nobody takes what stdout holds, so it would keep the process for ever; the empty write is behind all remarks.
    if (io.stdout.stalled) process.stderr.write('', () => process.exit(code))
  },
  (error) => {
    console.error('shared-ws: this is a defect, please report it:', error)
    process.exitCode = 70
  },
)
