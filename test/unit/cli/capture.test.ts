import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CaptureMessage, measureCapture, openCapture } from '../../../src/cli/capture.ts'

const HEADER = '{"format":"shared-ws-capture/1","url":"wss://a/b","startedAtUnixS":12.5,"source":"me"}'
const TEXT = '{"dir":"in","tMs":1.5,"text":"{\\"a\\":1}"}'
const BINARY = '{"dir":"out","tMs":2,"binary":"AAH/"}'

let dir: string
let files = 0
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shared-ws-capture-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

function write(content: string | Uint8Array): string {
  const file = join(dir, `${files++}.ndjson`)
  writeFileSync(file, content)
  return file
}

async function read(file: string): Promise<CaptureMessage[]> {
  const messages: CaptureMessage[] = []
  for await (const message of (await openCapture(file)).messages()) messages.push(message)
  return messages
}

describe('reading', () => {
  test.each([
    ['plain', (text: string) => Buffer.from(text)],
    ['gzip', (text: string) => gzipSync(text)],
    [
      'gzip of several members',
      (text: string) => Buffer.concat([gzipSync(text.slice(0, 40)), gzipSync(text.slice(40))]),
    ],
  ])('%s', async (_name, encode) => {
    const file = write(encode(`${HEADER}\n${TEXT}\n${BINARY}\n`))
    expect((await openCapture(file)).header).toEqual({ url: 'wss://a/b', startedAtUnixS: 12.5, source: 'me' })
    expect(await read(file)).toEqual([
      { dir: 'in', tMs: 1.5, text: '{"a":1}' },
      { dir: 'out', tMs: 2, bytes: Buffer.from([0, 1, 255]) },
    ])
  })

  test('no newline at the end, CRLF and empty lines', async () => {
    expect(await read(write(`${HEADER}\r\n\r\n${TEXT}\r\n\n${TEXT}`))).toHaveLength(2)
  })

  test('only "\\n" ends a line: U+2028 may be in a text', async () => {
    const [message] = await read(write(`${HEADER}\n{"dir":"in","tMs":0,"text":"a\u2028b"}\n`))
    expect(message?.text).toBe('a\u2028b')
  })

  test('empty payloads', async () => {
    const [text, binary] = await read(
      write(`${HEADER}\n{"dir":"in","tMs":0,"text":""}\n{"dir":"in","tMs":0,"binary":""}\n`),
    )
    expect(text?.text).toBe('')
    expect(binary?.bytes).toHaveLength(0)
  })

  test('lines longer than a read', async () => {
    const long = 'é'.repeat(700_000)
    const line = JSON.stringify({ dir: 'in', tMs: 0, text: long })
    for (const content of [Buffer.from(`${HEADER}\n${line}\n`), gzipSync(`${HEADER}\n${line}\n`)]) {
      expect((await read(write(content)))[0]?.text === long).toBe(true)
    }
  })

  test('messages() reads from the beginning each time', async () => {
    const capture = await openCapture(write(`${HEADER}\n${TEXT}\n`))
    for (let i = 0; i < 2; i++) {
      const all: CaptureMessage[] = []
      for await (const message of capture.messages()) all.push(message)
      expect(all).toHaveLength(1)
    }
  })

  test('totals count bytes, not characters', async () => {
    const file = write(`${HEADER}\n{"dir":"in","tMs":9,"text":"é"}\n${BINARY}\n{"dir":"in","tMs":3,"binary":"AAAA"}\n`)
    expect(await measureCapture(await openCapture(file))).toEqual({
      messagesIn: 2,
      messagesOut: 1,
      bytesIn: 5,
      largestIn: 3,
      durationMs: 9,
    })
  })
})

describe('refusals name file, line and reason', () => {
  const message = (line: string) => `${HEADER}\n${TEXT}\n${line}\n`
  test.each([
    ['an empty file', '', 'the file is empty; a capture begins with a header line'],
    ['another file type', '\u0089PNG\r\n', 'neither gzip nor NDJSON; a capture is NDJSON, plain or gzipped'],
    ['no JSON', '{nope\n', 'line 1: not JSON: '],
    [
      'another format',
      '{"format":"pcap","url":"x","startedAtUnixS":1}\n',
      '"format" must be "shared-ws-capture/1", not "pcap"',
    ],
    [
      'several header mistakes',
      '{"format":"shared-ws-capture/1","startedAtUnixS":"1"}\n',
      '"url" must be a string, not nothing; "startedAtUnixS" must be a number, not "1"',
    ],
    ['a direction', message('{"dir":"up","tMs":1,"text":""}'), 'line 3: "dir" must be "in" or "out", not "up"'],
    ['a time', message('{"dir":"in","tMs":-1,"text":""}'), 'line 3: "tMs" must be a number of ms, 0 or more, not -1'],
    ['no payload', message('{"dir":"in","tMs":1}'), 'line 3: a message has either "text" or "binary"'],
    ['two payloads', message('{"dir":"in","tMs":1,"text":"","binary":""}'), 'either "text" or "binary"'],
    ['a text', message('{"dir":"in","tMs":1,"text":{}}'), 'line 3: "text" must be a string, not {}'],
    ['half a pair', message('{"dir":"in","tMs":1,"text":"\\ud83d"}'), 'line 3: "text" holds half of a surrogate pair'],
    ['base64', message('{"dir":"in","tMs":1,"binary":"A*=="}'), 'line 3: "binary" must be base64, not "A*=="'],
    ['base64 cut short', message('{"dir":"in","tMs":1,"binary":"AAA"}'), 'line 3: "binary" must be base64'],
    ['a line cut short', `${HEADER}\n${TEXT.slice(0, 20)}`, 'line 2: not JSON: '],
    ['a line that is no object', message('[1]'), 'line 3: a JSON object is expected, not [1]'],
    ['empty lines, which count', `${HEADER}\n\n\n7\n`, 'line 4: a JSON object is expected, not 7'],
  ])('%s', async (_name, content, reason) => {
    const file = write(content)
    const error = await read(file).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'CaptureError', code: 'ERR_CAPTURE', file })
    expect((error as Error).message).toContain(reason)
    expect((error as Error).message.startsWith(file)).toBe(true)
  })

  test('bytes that are no UTF-8', async () => {
    const line = Buffer.from('{"dir":"in","tMs":1,"text":"\xff"}\n', 'latin1')
    await expect(read(write(Buffer.concat([Buffer.from(`${HEADER}\n`), line])))).rejects.toThrow('line 2: not UTF-8')
  })

  test('gzip cut short', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `{"dir":"in","tMs":${i},"text":"${Math.sin(i)}"}`)
    const gzip = gzipSync(`${HEADER}\n${lines.join('\n')}\n`)
    await expect(read(write(gzip.subarray(0, gzip.length - 20)))).rejects.toThrow(
      /the gzip data is damaged or cut short \(unexpected end of file\); \d+ lines could be read/,
    )
  })

  test('gzip damaged', async () => {
    const gzip = gzipSync(`${HEADER}\n${TEXT}\n`)
    gzip[gzip.length - 6]! ^= 0xff
    await expect(read(write(gzip))).rejects.toThrow(/damaged or cut short \(incorrect data check\)/)
  })

  test('no such file, and a directory', async () => {
    await expect(openCapture(join(dir, 'nothing'))).rejects.toThrow(`${join(dir, 'nothing')}: no such file`)
    await expect(openCapture(dir)).rejects.toThrow(`${dir}: is a directory, not a file`)
  })
})

test.runIf(process.platform === 'linux')('a reader that leaves early, or fails, leaves no file open', async () => {
  const open = async (): Promise<number> => {
    const targets = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return targets.filter((target) => target.startsWith(dir)).length
  }
  const rest = `${TEXT}\n`.repeat(50_000)
  for (const content of [`${HEADER}\n${rest}`, gzipSync(`${HEADER}\n${rest}`), gzipSync(`${HEADER}\nbad\n${rest}`)]) {
    const capture = await openCapture(write(content))
    try {
      for await (const _ of capture.messages()) break
    } catch {
      // The damaged one.
    }
  }
  await expect.poll(open).toBe(0)
})
