import { describe, expect, it } from 'vitest'
import type { Step } from '../../conformance/script.ts'
import { readFamilies, readFamily, type Vector } from '../../conformance/vectors.ts'
import { sentProblem, toldProblem } from '../../conformance/verdict.ts'

const only = (text: string): Vector => {
  const { vectors } = readFamily('x.md', text)
  expect(vectors).toHaveLength(1)
  return vectors[0] as Vector
}
const block = (...lines: string[]): string => ['### 1 title', '```ws', ...lines, '```'].join('\n')
const bytesOf = ({ steps }: Vector): string =>
  steps
    .filter((step) => step.kind === 'write')
    .map((step) => step.bytes().toString('hex'))
    .join(' ')
const kinds = ({ steps }: Vector): string[] => steps.map(({ kind }) => kind)

describe('vectors are read', () => {
  it('frames as a server writes them', () => {
    expect(bytesOf(only(block('S: TEXT "ab"; CONT(FIN=0) hex:00ff; PING ""', 'U: X')))).toBe('81026162 000200ff 8900')
    expect(bytesOf(only(block('S: BIN(RSV1,RSV3) "a"; OP3(RSV=7) ""', 'U: X')))).toBe('d20161 f300')
    expect(bytesOf(only(block('S: CLOSE; CLOSE 1000; CLOSE 1000 "a"; CLOSE "a"', 'U: X')))).toBe(
      '8800 880203e8 880303e861 880161',
    )
    expect(bytesOf(only(block('S: TEXT(MASKED) "ab"', 'U: X')))).toBe('818237fa213d5698')
    expect(bytesOf(only(block('S: TEXT(bits=16) "a"; TEXT(announces=300) "a"', 'U: X')))).toBe('817e000161 817e012c61')
    expect(bytesOf(only(block('S: TEXT(fragments=2) "abcd"; TEXT(fragments=2) "abc"', 'U: X')))).toBe(
      '0102616200026364' + '8000 ' + '01026162800163',
    )
    expect(bytesOf(only(block('S: TEXT(fragments=2) "ab"; PING "x" 3 times', 'U: X')))).toBe(
      '81026162 890178890178890178',
    )
  })

  it('payloads', () => {
    expect(bytesOf(only(block('S: BYTES "é"×2 + hex:00 + "abc" to 5 B', 'U: X')))).toBe('c3a9c3a9006162636162')
  })

  it('permessage-deflate, whose context lasts as long as the answer says', () => {
    const hello = 'S: TEXT(DEFLATED) "Hello"; TEXT(DEFLATED) "Hello"'
    // RFC 7692 7.2.3.1 and 7.2.3.2.
    expect(bytesOf(only(block('answer permessage-deflate', hello, 'U: X')))).toBe('c107f248cdc9c90700 c105f200110000')
    expect(bytesOf(only(block('answer permessage-deflate; server_no_context_takeover', hello, 'U: X')))).toBe(
      'c107f248cdc9c90700 c107f248cdc9c90700',
    )
  })

  it('samples go on where they were left, for each actor', () => {
    const { steps } = only(block('S: TEXT sample json 10; TEXT sample json 10', 'C: TEXT sample json 20', 'U: X'))
    const [first, second, both] = steps.map((step) => {
      if (step.kind === 'write') return step.bytes().toString('utf8', 2)
      return step.kind === 'sends' ? step.payload.bytes().toString() : ''
    })
    expect(both).toHaveLength(20)
    expect(`${first}${second}`).toBe(both)
  })

  it('a usual end where none is written', () => {
    const vector = only(block('S: TEXT "a"', 'C: echo'))
    expect(kinds(vector)).toEqual(['write', 'sends', 'write', 'sends', 'ended'])
    expect(vector.steps.at(-1)).toMatchObject({ end: { code: 'REMOTE_CLOSE', closeCode: 1000, reason: '' } })
  })

  it('echo is the message of all frames before it', () => {
    const { steps } = only(block('S: BIN(FIN=0) "a"; PING "x"; CONT "b"', 'C: PONG "x"; echo', 'U: X'))
    const echo = steps.at(-2) as Step & { kind: 'sends' }
    expect([echo.opcode, echo.payload.bytes().toString()]).toEqual([2, 'ab'])
  })

  it('a row of a table is a case', () => {
    const table = '## 1 title\n\n| case | what |\n|---|---|\n| 1.1 | `PING "a"` |\n| 1.2 | CLOSE |\n\n'
    const { vectors } = readFamily('x.md', `${table}\`\`\`ws\nS: {what}\nU: X\n\`\`\`\n`)
    expect(vectors.map(({ id }) => id)).toEqual(['1.1', '1.2'])
    expect(vectors.map(bytesOf)).toEqual(['890161', '8800'])
  })

  it('settings and a response head', () => {
    const text = `### 1 a\n\`\`\`http\nHTTP/1.1 101 X\nA: {accept}\n\`\`\`\n${block('limits frame=1 message=2', 'U: X')}`
    const vector = readFamily('x.md', text.replace('### 1 title\n', '')).vectors[0] as Vector
    expect(vector.head).toBe('HTTP/1.1 101 X\r\nA: {accept}\r\n')
    expect(vector.limits).toEqual({ maxFrameBytes: 1, maxMessageBytes: 2 })
  })

  it.each([
    ['X: TEXT "a"', 'x.md:3: a line begins with'],
    ['S: TEXTS "a"', 'x.md:3: a frame: CONT'],
    ['S: TEXT', 'x.md:3: a payload: "text" or hex:00ff is wanted, but the line ends'],
    ['S: TEXT hex:0', 'x.md:3: an even number of hex digits'],
    ['S: TEXT "a" "b"', 'x.md:3: the end of the line is wanted, but there is "b"'],
    ['C: echo', 'x.md:3: a message in front of echo'],
    ['A: dances', 'x.md:3: sends, pings'],
  ])('%s is told with its place', (line, message) => {
    expect(() => readFamily('x.md', block(line))).toThrow(message)
  })

  it('every file of the suite', () => {
    const ids = readFamilies('vectors').flatMap(({ vectors }) => vectors.map(({ id }) => id))
    // What Autobahn has in families 1 to 7 and 10 (247 cases), 9 (54), 12 and 13 (216).
    expect(ids.filter((id) => /^([1-7]|10)\.\d/.test(id))).toHaveLength(247)
    expect(ids.filter((id) => /^9\.\d/.test(id))).toHaveLength(54)
    expect(ids.filter((id) => /^1[23]\.\d/.test(id))).toHaveLength(216)
    for (const { id } of readFamilies('deviations').flatMap(({ vectors }) => vectors)) expect(ids).toContain(id)
  })
})

describe('verdicts', () => {
  const frame = (opcode: number, text: string) => {
    const payload = Buffer.from(text)
    return { opcode, payload: Object.assign(payload, { bytes: () => payload }) }
  }
  const a = frame(1, 'a')
  const b = frame(1, 'b')
  const pong = frame(10, 'p')

  it('a pong may overtake messages, nothing may overtake a pong', () => {
    expect(sentProblem([a, pong, b], [a, pong, b])).toBeUndefined()
    expect(sentProblem([a, pong, b], [pong, a, b])).toBeUndefined()
    expect(sentProblem([pong, a], [a, pong])).toBe('the client sent TEXT "a", PONG "p"; should be PONG "p", TEXT "a"')
    expect(sentProblem([a, b], [b, a])).toBeDefined()
    expect(sentProblem([a], [a, a])).toBeDefined()
    expect(sentProblem([a, pong], [a])).toBeDefined()
  })

  it('what is told keeps its order', () => {
    expect(toldProblem([a, pong], [a, pong])).toBeUndefined()
    expect(toldProblem([a, pong], [pong, a])).toBeDefined()
    expect(toldProblem([a], [b])).toBe('the user was told TEXT "b"; should be TEXT "a"')
  })
})
