import { OPCODES } from './frames.ts'
import { type Payload, shown } from './payload.ts'

/** A frame that must come, or must be told. */
export interface Expected {
  readonly opcode: number
  readonly payload: Payload
  readonly compressed?: boolean | undefined
}

export interface Found {
  readonly opcode: number
  readonly payload: Uint8Array
  readonly compressed?: boolean
}

const PONG = 10

/** What is wrong with what the user was told, whose order is the order of the bytes. */
export function toldProblem(expected: readonly Expected[], found: readonly Found[]): string | undefined {
  return isSame(expected, found) ? undefined : problem('the user was told', expected, found)
}

/**
 * What is wrong with the frames that the client sent. A pong may overtake messages that the application sends, because
 * the library sends it as soon as the ping is read; nothing may overtake a pong.
 */
export function sentProblem(expected: readonly Expected[], found: readonly Found[]): string | undefined {
  const isPong = ({ opcode }: { readonly opcode: number }): boolean => opcode === PONG
  const isOther = (frame: { readonly opcode: number }): boolean => !isPong(frame)
  const places = pongPlaces(expected)
  const same =
    isSame(expected.filter(isPong), found.filter(isPong)) &&
    isSame(expected.filter(isOther), found.filter(isOther)) &&
    pongPlaces(found).every((place, index) => place <= (places[index] as number))
  return same ? undefined : problem('the client sent', expected, found)
}

/** How many other frames come before each pong. */
function pongPlaces(frames: readonly { readonly opcode: number }[]): number[] {
  let others = 0
  const places: number[] = []
  for (const { opcode } of frames) {
    if (opcode === PONG) places.push(others)
    else others++
  }
  return places
}

function isSame(expected: readonly Expected[], found: readonly Found[]): boolean {
  if (expected.length !== found.length) return false
  return expected.every(({ opcode, payload, compressed }, index) => {
    const other = found[index] as Found
    if (compressed !== undefined && compressed !== other.compressed) return false
    if (opcode !== other.opcode || payload.byteLength !== other.payload.byteLength) return false
    return payload.bytes().equals(other.payload)
  })
}

function problem(what: string, expected: readonly Expected[], found: readonly Found[]): string {
  const wanted = listed(expected.map((frame) => ({ ...frame, payload: frame.payload.bytes() }) as Found))
  return `${what} ${listed(found)}; should be ${wanted}`
}

export function listed(frames: readonly Found[]): string {
  if (frames.length === 0) return 'nothing'
  const lines = frames.slice(0, 12).map(lineOf)
  return frames.length > 12 ? `${lines.join(', ')}, and ${frames.length - 12} more` : lines.join(', ')
}

function lineOf({ opcode, payload, compressed }: Found): string {
  return `${nameOf(opcode)}${compressed ? '(DEFLATED)' : ''} ${shown(payload)}`
}

function nameOf(opcode: number): string {
  return Object.keys(OPCODES).find((name) => OPCODES[name] === opcode) ?? `OP${opcode}`
}
