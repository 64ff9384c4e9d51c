import { isAscii } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PROTOCOL_STATUSES } from '../../src/errors/statuses.ts'
import { parametersOf } from './deflate.ts'
import type { Payload } from './payload.ts'
import type { Vector } from './vectors.ts'

/** Bytes for the decoder, and what it must have reported, in the words of the runner's log, when it has them. */
interface Segment {
  readonly bytes: Buffer
  readonly log: Buffer
}

export interface CoreResult {
  readonly vector: Vector
  /** Logs compared. */
  readonly checks: number
  readonly failure: string | undefined
}

/** Every size of chunk, every cut in two and every SIMD path up to here; a choice of sizes and cuts beyond. */
const EVERY_CUT_BELOW_BYTES = 1024

/** What can be judged without a socket: nothing but bytes from the server, and frames or words in return. */
export function isForCore({ steps, head }: Vector): boolean {
  const kinds = ['write', 'sends', 'told', 'silent', 'ended']
  return head === undefined && steps.every(({ kind }) => kinds.includes(kind))
}

/** As BinaryFormat in native/core/extensions.h, from 1 on. */
const FORMATS = ['gzip', 'deflate', 'deflate-raw']

/** Feeds vectors to native/test/conformance_runner.cc, the program at `binary`. */
export async function runCore(binary: string, vectors: readonly Vector[]): Promise<CoreResult[]> {
  const child = spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
  })
  child.stdin.on('error', () => {}) // it died: its exit code tells
  const closed = once(child, 'close')
  for (const vector of vectors) {
    for (const bytes of request(vector))
      if (!child.stdin.write(bytes)) await Promise.race([once(child.stdin, 'drain'), closed])
  }
  child.stdin.end()
  const [code, signal] = await closed
  const answers = output.split('\n').filter((line) => line !== '')
  if (code !== 0 || answers.length !== vectors.length) {
    const last = vectors[answers.length]?.id ?? 'the end'
    throw new Error(`the core runner died (${signal ?? `exit code ${code}`}) at ${last}`)
  }
  return vectors.map((vector, index) => resultOf(vector, answers[index] as string))
}

function resultOf(vector: Vector, answer: string): CoreResult {
  const [, id, checks, failure] = /^(\S+) (\d+)(?: (.*))?$/.exec(answer) ?? []
  if (id !== vector.id) throw new Error(`the core runner answered ${JSON.stringify(answer)} to ${vector.id}`)
  return { vector, checks: Number(checks), failure }
}

function* request(vector: Vector): Generator<Buffer> {
  const segments = segmentsOf(vector)
  const total = segments.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const { maxFrameBytes, maxMessageBytes } = vector.limits
  const { sizes, cuts } = coreChops(vector, total)
  const { answer, inflateBinary } = vector.extensions
  const { serverNoContextTakeover, serverMaxWindowBits } = parametersOf(answer)
  const format = inflateBinary === undefined ? 0 : FORMATS.indexOf(inflateBinary) + 1
  const deflate = [answer === '' ? 0 : serverMaxWindowBits, serverNoContextTakeover ? 1 : 0, format]
  const head = [vector.id, maxFrameBytes, maxMessageBytes, ...deflate, total <= EVERY_CUT_BELOW_BYTES ? 1 : 0]
  yield Buffer.from(`${[...head, sizes.length, ...sizes, cuts.length, ...cuts, segments.length].join(' ')}\n`)
  for (const { bytes, log } of segments)
    yield Buffer.concat([Buffer.from(`${bytes.length} ${log.length}\n`), bytes, log])
}

function segmentsOf({ steps, where }: Vector): Segment[] {
  const segments: { bytes: Buffer[]; log: Buffer[] }[] = []
  let judged = true
  for (const step of steps) {
    if (step.kind === 'write') {
      if (judged) segments.push({ bytes: [], log: [] })
      judged = false
      segments.at(-1)?.bytes.push(step.bytes())
      continue
    }
    judged = true
    const log = segments.at(-1)?.log
    if (log === undefined) throw new Error(`${where}: the server says nothing before the client is judged`)
    if (step.kind === 'sends' || step.kind === 'told') log.push(...frameLines(step))
    else if (step.kind === 'ended') log.push(endLine(step.end))
  }
  return segments.map(({ bytes, log }) => ({ bytes: Buffer.concat(bytes), log: Buffer.concat(log) }))
}

function frameLines({ kind, opcode, payload }: { kind: string; opcode: number; payload: Payload }): Buffer[] {
  const bytes = payload.bytes()
  const line = (word: string): Buffer[] => [Buffer.from(`${word} `), bytes, Buffer.from('\n')]
  if (opcode === 1) return line(isAscii(bytes) ? 'ascii' : 'text')
  if (opcode === 2) return line('binary')
  if (opcode === 8) return [] // the end says it all
  // A pong that is sent answers a ping.
  if (opcode === 9 || kind === 'sends') return line('ping')
  return line('pong')
}

function endLine({ code, closeCode, reason }: { code: string; closeCode: number | undefined; reason: string }): Buffer {
  if (code === 'REMOTE_CLOSE') return Buffer.from(`close ${closeCode} ${reason}\n`)
  const number = PROTOCOL_STATUSES.findIndex((status) => status.code === code)
  if (number <= 0) throw new Error(`no server's bytes alone end a connection with ${code}`)
  return Buffer.from(`violation ${number}\n`)
}

/** Sizes of chunks, and places to cut the stream in two. */
function coreChops({ rounds }: Vector, total: number): { sizes: number[]; cuts: number[] } {
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
  // Cuts are the business of other vectors: these are many messages.
  if (rounds > 1) return { sizes: [total, 997, ...(total < 100_000 ? [3] : [])], cuts: [Math.ceil(total / 2)] }
  if (total <= EVERY_CUT_BELOW_BYTES) return { sizes: upTo(total), cuts: upTo(total - 1) }
  const small = total <= 128 * 1024 ? upTo(20) : total <= 2 * 1024 * 1024 ? [1, 2, 64] : []
  const sizes = [...small, 997, 1460, 4096, 16384, 65536, 262_144, 1_048_576].filter((size) => size < total)
  const edge = total <= 128 * 1024 ? 20 : 4
  const cuts = [...upTo(edge), ...upTo(edge).map((back) => total - back)]
  const powers = [126, 128, 4096, 65536, 1_048_576].flatMap((power) => [power - 1, power, power + 1])
  const all = [...cuts, ...(total <= 128 * 1024 ? powers.filter((cut) => cut < total) : [])]
  return { sizes: [...sizes, total], cuts: total > 4 * 1024 * 1024 ? [] : all }
}
