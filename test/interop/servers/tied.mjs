// Runs a program that knows nothing of our stdin until that ends, or the program does: node tied.mjs COMMAND ARGUMENT...
import { spawn } from 'node:child_process'

const [command, ...argv] = process.argv.slice(2)
const child = spawn(command, argv, { stdio: ['ignore', 'inherit', 'inherit'] })
child.once('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.once('close', (code) => process.exit(code ?? 1))
process.stdin.on('end', () => child.kill('SIGTERM')).resume()
