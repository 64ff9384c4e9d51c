import { encodeServerFrame, type ServerFrameOptions } from '../support/raw-frames.ts'
import type { ServerDeflate } from './deflate.ts'
import { EMPTY, type Payload, payloadOf, readPayload } from './payload.ts'
import type { Tokens } from './tokens.ts'

export const OPCODES: Readonly<Record<string, number>> = { CONT: 0, TEXT: 1, BIN: 2, CLOSE: 8, PING: 9, PONG: 10 }

/** Any key will do: a server must not use one at all. */
const MASK_KEY = Buffer.from('37fa213d', 'hex')

/** One or more frames as a vector writes them. */
export interface ServerFrames {
  readonly opcode: number
  /** What the frames carry together. */
  readonly payload: Payload
  bytes(): Buffer
}

export function isFrameName(word: string | undefined): boolean {
  return word !== undefined && (Object.hasOwn(OPCODES, word) || /^OP\d+$/.test(word))
}

/** `deflate` compresses what is marked so. `TEXT "x"`, `CONT(FIN=0) "x"`, `BIN(RSV=5) "x"`, `OP3 ""`, `CLOSE 1000 "reason"`, `TEXT(fragments=64) "*"×4096`. */
export function readServerFrames(tokens: Tokens, deflate: ServerDeflate): ServerFrames {
  const opcode = readOpcode(tokens)
  const { fragments, deflated, ...options } = readModifiers(tokens)
  const payload = opcode === 8 ? readClosePayload(tokens) : readPayload(tokens)
  const carried = deflated ? deflate.next(payload) : () => payload.bytes()
  const how = deflated ? { ...options, rsv: 4 } : options
  const bytes = (): Buffer =>
    fragments === undefined ? encodeServerFrame(opcode, carried(), how) : fragmented(opcode, carried(), fragments, how)
  return { opcode, payload, bytes }
}

export function readOpcode(tokens: Tokens): number {
  const name = tokens.next
  if (!isFrameName(name)) throw tokens.error(`a frame: ${Object.keys(OPCODES).join(', ')} or OPn`)
  tokens.word()
  return OPCODES[name as string] ?? Number((name as string).slice(2))
}

/** Of a CLOSE: nothing, `1000`, `1000 "reason"`, or the payload itself. */
export function readClosePayload(tokens: Tokens): Payload {
  const code = tokens.takeNumber()
  const hasMore = tokens.next !== undefined && tokens.next !== ';'
  if (code === undefined) return hasMore ? readPayload(tokens) : EMPTY
  const reason = hasMore ? readPayload(tokens).bytes() : Buffer.alloc(0)
  return payloadOf(Buffer.concat([Buffer.of(code >> 8, code & 255), reason]))
}

interface Modifiers extends ServerFrameOptions {
  readonly fragments?: number
  /** By permessage-deflate. */
  readonly deflated?: true
}

function readModifiers(tokens: Tokens): Modifiers {
  let how: Modifiers = {}
  if (!tokens.take('(')) return how
  do {
    const name = tokens.word()
    if (name === 'DEFLATED') how = { ...how, deflated: true }
    else if (name === 'MASKED') how = { ...how, maskKey: MASK_KEY }
    else if (/^RSV[123]$/.test(name)) how = { ...how, rsv: (how.rsv ?? 0) | (8 >> Number(name[3])) }
    else how = { ...how, ...valued(name, tokens) }
  } while (tokens.take(','))
  tokens.expect(')')
  return how
}

function valued(name: string, tokens: Tokens): Modifiers {
  tokens.expect('=')
  const value = tokens.number()
  switch (name) {
    case 'FIN':
      return { fin: value === 1 }
    case 'RSV':
      return { rsv: value }
    case 'bits':
      return { lengthBits: value as 7 | 16 | 64 }
    case 'announces':
      return { announce: BigInt(value) }
    case 'fragments':
      return { fragments: value }
  }
  throw tokens.error('DEFLATED, FIN=, RSV=, RSV1, MASKED, bits=, announces= or fragments=')
}

/** Fragments of `size` bytes; where the length is a multiple of it, an empty one ends the message. */
function fragmented(opcode: number, payload: Buffer, size: number, options: ServerFrameOptions): Buffer {
  if (payload.length <= size) return encodeServerFrame(opcode, payload, options)
  const frames: Buffer[] = []
  for (let at = 0; at <= payload.length; at += size) {
    const fin = at + size > payload.length
    const how = at === 0 ? { ...options, fin } : { fin }
    frames.push(encodeServerFrame(at === 0 ? opcode : 0, payload.subarray(at, at + size), how))
  }
  return Buffer.concat(frames)
}
