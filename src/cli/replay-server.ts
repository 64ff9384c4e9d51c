import { basename } from 'node:path'
import { SharedWsError } from '../errors/errors.ts'
import { redactUrl } from '../support/redact.ts'
import { type ArgumentSpec, flag, integer, Mistake, option, quote } from './args.ts'
import { type Capture, CaptureError, measureCapture, openCapture } from './capture.ts'
import { type Command, defineCommand, EXIT_FAILED, EXIT_OK } from './command.ts'
import { type CliIo, onStopSignal } from './io.ts'
import { type ReplayClientEnd, type ReplayServer, startReplayServer } from './replay.ts'
import type { ReplaySpeed } from './replay-client.ts'

export const DEFAULT_REPLAY_PORT = 9001

const file: ArgumentSpec<string> = {
  placeholder: 'FILE',
  help: 'a capture: NDJSON, plain or gzipped',
  parse(text) {
    if (text === '') throw new Mistake('empty; give the path of a capture')
    return text
  },
}

function speed(text: string): ReplaySpeed {
  if (text === 'max') return text
  const n = Number(text)
  if (text.trim() === '' || !Number.isFinite(n) || n <= 0)
    throw new Mistake(`${quote(text)} is not a number above 0, and not max`)
  return n
}

const options = {
  port: option(
    'N',
    `port to listen on (default ${DEFAULT_REPLAY_PORT}); 0 picks a free one`,
    integer(0, 65_535),
    DEFAULT_REPLAY_PORT,
  ),
  host: option('HOST', 'address to listen on (default 127.0.0.1: this machine only)', String, '127.0.0.1'),
  speed: option('N|max', '2 is twice as fast as recorded (default 1); max is as fast as the client reads', speed, 1),
  chop: option(
    'SEED',
    'cut the TCP stream at random sizes, also inside frame headers; equal seeds cut alike',
    integer(0, 2 ** 32 - 1),
    undefined,
  ),
  deflate: flag('compress for clients that offer permessage-deflate'),
  loop: flag('begin again at the end, until the client leaves'),
  once: flag('serve one client, then exit'),
}

const notes = `
The first line on stdout is the ws:// URL; then comes a line for each client that has left. Remarks go to stderr.
Every client gets every message that the exchange sent, from the beginning and whatever path it asks for, then
close 1000 "end of capture". What clients send is counted and otherwise ignored. The whole file is checked first.
Ctrl-C closes the clients and ends the server; a second one ends it at once.
Exit codes: 0 ended as asked, 1 the file is damaged or the port cannot be had, 2 the command line is wrong.
`

export const replayServer: Command = defineCommand({
  name: 'replay-server',
  summary: 'Serve a recorded session over a real WebSocket.',
  argument: file,
  options,
  notes,
  async run(path, { port, host, speed, chop, deflate, loop, once }, io) {
    let capture: Capture
    let server: ReplayServer
    try {
      capture = await openCapture(path)
      const totals = await measureCapture(capture)
      if (loop && totals.messagesIn === 0) {
        throw new CaptureError(path, 0, 'holds no message of the exchange, so there is nothing to --loop')
      }
      server = await startReplayServer(() => capture.messages(), {
        host,
        port,
        speed,
        perMessageDeflate: deflate,
        loop,
        once,
        clock: io.clock,
        ...(chop === undefined ? {} : { chopSeed: chop }),
        onClient: ({ id, address, port, path }) =>
          io.stderr.write(`client ${id} ${address}:${port} connected, asking for ${redactUrl(path)}\n`),
        onClientEnd: (end) => io.stdout.write(clientLine(end)),
      })
      const seconds = (totals.durationMs / 1000).toFixed(1)
      io.stdout.write(`${server.url}\n`)
      io.stderr.write(
        `${basename(path)}: ${totals.messagesIn} messages, ${totals.bytesIn} bytes, ` +
          `${seconds} s recorded from ${redactUrl(capture.header.url)}; speed ${speed}\n`,
      )
    } catch (error) {
      io.stderr.write(`shared-ws replay-server: ${describeFailure(error, host, port)}\n`)
      return EXIT_FAILED
    }
    return runUntilStopped(server, io)
  },
})

async function runUntilStopped(server: ReplayServer, io: CliIo): Promise<number> {
  const offSignal = onStopSignal(io, () => void server.close())
  io.stdout.onBroken(() => void server.close())
  await server.closed
  offSignal()
  if (io.stdout.failure === undefined) return EXIT_OK
  io.stderr.write(`shared-ws replay-server: stdout failed: ${io.stdout.failure.message}\n`)
  return EXIT_FAILED
}

function clientLine(end: ReplayClientEnd): string {
  const reason = end.closeReason === '' ? '' : ` ${JSON.stringify(end.closeReason)}`
  const error = end.error === undefined ? '' : `, ${end.error.message}`
  return (
    `client ${end.id} ${end.address}:${end.port} left: ${end.messagesSent} messages, ${end.bytesSent} bytes sent, ` +
    `${end.messagesReceived} received, close ${end.closeCode}${reason}${error}\n`
  )
}

function describeFailure(error: unknown, host: string, port: number): string {
  if (error instanceof SharedWsError) return error.message
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return `port ${port} on ${host} is in use (EADDRINUSE); give another with --port N, or --port 0 for a free one`
  }
  if (code === 'EACCES') return `port ${port} on ${host} may not be used (EACCES); give one above 1023 with --port N`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine (${code}); give one with --host, such as 127.0.0.1`
  }
  return `cannot listen on ${host}:${port}: ${message}`
}
