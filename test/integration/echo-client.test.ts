import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { buildCli } from '../support/built-cli.ts'
import { TRANSPORTS } from './front-support.ts'

// The program that a fuzzing server judges, against a stand-in for such a server whose verdicts are known.

const program = fileURLToPath(new URL('../conformance/echo-client.mjs', import.meta.url))

type Judge = (socket: WebSocket, verdict: (behavior: string) => void) => void

/** Sends one message, and judges what comes back. */
const echo =
  (payload: string | Buffer): Judge =>
  (socket, verdict) => {
    verdict('FAILED')
    socket.once('message', (data, isBinary) => {
      const same = isBinary === (typeof payload !== 'string') && Buffer.from(payload).equals(data as Buffer)
      verdict(same ? 'OK' : 'FAILED')
      socket.close(1000)
    })
    socket.send(payload)
  }

const CASES: Readonly<Record<string, Judge>> = {
  '1.1.1': echo(''),
  '1.2.1': echo(Buffer.from([0xfe])),
  '7.1.6': (socket, verdict) => {
    verdict('INFORMATIONAL')
    socket.close(1000)
  },
  '9.2.6': echo(Buffer.alloc(16 * 1024 * 1024, 7)),
}
const ids = Object.keys(CASES)

let server: WebSocketServer
let directory: string
let cases: Readonly<Record<string, Judge>>
const verdicts = new Map<string, string>()

beforeAll(() => buildCli())
beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/shared-ws-echo-`)
  cases = CASES
  verdicts.clear()
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  server.on('connection', (socket, request) => serve(socket, new URL(request.url as string, 'ws://server')))
})
afterEach(async () => {
  for (const socket of server.clients) socket.terminate()
  await new Promise((resolve) => server.close(resolve))
  rmSync(directory, { recursive: true })
})

function serve(socket: WebSocket, { pathname, searchParams }: URL): void {
  const id = searchParams.get('casetuple') as string
  const answer = (value: unknown) => {
    socket.send(JSON.stringify(value))
    socket.close()
  }
  if (pathname === '/getCaseCount') answer(ids.length)
  else if (pathname === '/getCaseInfo') answer({ id: ids[Number(searchParams.get('case')) - 1], description: '' })
  else if (pathname === '/getCaseStatus') answer({ behavior: verdicts.get(`${searchParams.get('agent')} ${id}`) })
  else if (pathname === '/runCase') {
    cases[id]?.(socket, (behavior) => verdicts.set(`${searchParams.get('agent')} ${id}`, behavior))
  } else if (pathname === '/updateReports') {
    const agent = searchParams.get('agent') as string
    const reported = ids.map((id) => [id, { behavior: verdicts.get(`${agent} ${id}`), behaviorClose: 'OK' }])
    writeFileSync(`${directory}/index.json`, JSON.stringify({ [agent]: Object.fromEntries(reported) }))
    socket.close(1000)
  }
}

async function run(...argv: string[]): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  const { port } = server.address() as { port: number }
  const child = spawn(process.execPath, [program, '--url', `ws://127.0.0.1:${port}`, ...argv], { timeout: 45_000 })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, lines: stdout.trimEnd().split('\n'), stderr }
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('every message is echoed with its type, 16 MiB too, and the table counts the verdicts', async () => {
    const { code, lines, stderr } = await run('--transport', transport, '--agent', 'me & co')
    expect(stderr).toBe('')
    expect(lines.at(-1)).toBe('me & co: 4 of 4 fine')
    expect(lines.map((line) => line.trim().split(/ +/))).toEqual(
      expect.arrayContaining([
        ['1', '2', '0', '0', '0', '0'],
        ['7', '0', '1', '0', '0', '0'],
        ['9', '1', '0', '0', '0', '0'],
        ['all', '3', '1', '0', '0', '0'],
      ]),
    )
    expect(code).toBe(0)
  })
})

test('a case that is not fine is named, and the exit code says so', async () => {
  const nonStrict: Judge = (socket, verdict) => {
    verdict('NON-STRICT')
    socket.close(1000)
  }
  cases = { ...CASES, '1.2.1': nonStrict }
  const { code, lines } = await run('--case', '1.1.1', '--case', '1.2.1')
  expect(lines.slice(-2)).toEqual(['1.2.1 {"behavior":"NON-STRICT"}', 'shared-ws native: 1 of 2 fine'])
  expect(code).toBe(1)
})

test('with a report, the close handshake is judged too', async () => {
  const report = `${directory}/report.json`
  const verdict = { behavior: 'OK', behaviorClose: 'UNCLEAN', remoteCloseCode: 1000 }
  writeFileSync(report, JSON.stringify({ me: { '1.1.1': verdict } }))
  const { code, lines } = await run('--agent', 'me', '--case', '1.1.1', '--report', report)
  expect(lines.slice(-2)).toEqual([`1.1.1 ${JSON.stringify(verdict)}`, 'me: 0 of 1 fine'])
  expect(code).toBe(1)
  // Cases that the report lacks have not been judged.
  expect((await run('--agent', 'me', '--case', '1.2.1', '--report', report)).lines.at(-1)).toBe('me: 0 of 1 fine')
})

test('a server that is not there ends it with a reason', async () => {
  const { code, stderr } = await run('--url', 'ws://127.0.0.1:1')
  expect(stderr).toMatch(/getCaseCount: .*ECONNREFUSED/)
  expect(code).toBe(2)
})
