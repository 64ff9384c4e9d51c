import { utf8Slice } from '../support/slices.ts'
import {
  BACKSLASH,
  behindContainer,
  behindSpace,
  behindString,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  endOfScalar,
  endsScalar,
  NOWHERE,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  unescaped,
} from './json-pieces.ts'
import { MAX_TOPIC_BYTES, type TopicProgram } from './topic-program.ts'

/** What there is at a path: nothing. */
const ABSENT = 0
/** A container, or text that is longer than a topic may be, or what only has to be there. */
const NO_TEXT = 1
const TEXT = 2

const NO_BYTES = Buffer.alloc(0)
/** Of how many elements a path may tell the index: no message has more. */
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/

/** An element of a path. */
interface Step {
  readonly keyBytes: Buffer
  /** As an index into an array; -1: it is none. */
  readonly index: number
}

/** A set of paths: bit n is `paths[n]`. */
type Paths = number

/**
 * Which topic a text message is data of: the twin of `native/core/json_scan.h`, with which it agrees on every input, hostile ones
 * included. One forward scan with a stack of its own, over at the very byte at which every path is decided:
 *
 * - Only containers that a path leads through are scanned in detail: keys are strings, `:` and a value behind them, `,` between
 *   members, brackets that fit. What does not fit there, before all is decided: no topic. Everything else is passed over, to where
 *   brackets balance outside strings; of which kind they are is not looked at.
 * - The first of several equal keys decides a path, also where it leads nowhere.
 * - Keys where paths lead, and values that are asked for, are unescaped; an escape that there is not: no topic.
 */
export class TopicScan {
  readonly #program: TopicProgram
  readonly #steps: readonly (readonly Step[])[]
  readonly #all: Paths
  /** Those of which the text is asked, and not only whether there is anything. */
  readonly #textual: Paths
  // Of the message that is looked at:
  #bytes: Buffer = NO_BYTES
  #undecided: Paths = 0
  readonly #found: number[]
  readonly #texts: string[]
  /** Of each open container: the paths that lead through it, its kind, and in an array the index of the element. */
  readonly #through: Paths[] = []
  readonly #closers: number[] = []
  readonly #indices: number[] = []
  #level = -1
  /** Nothing of the innermost container has been read. */
  #fresh = false

  constructor(program: TopicProgram) {
    const { paths, key, when } = program
    this.#program = program
    this.#steps = paths.map((path) => path.map(stepOf))
    this.#all = (1 << paths.length) - 1
    const tests = when.filter(({ is, not }) => is !== undefined || not !== undefined).map(({ path }) => path)
    this.#textual = [...key, ...tests].reduce<Paths>((set, n) => (typeof n === 'number' ? set | (1 << n) : set), 0)
    this.#found = paths.map(() => ABSENT)
    this.#texts = paths.map(() => '')
  }

  /** Undefined: of none. The payload is UTF-8. */
  topicOf(payload: Buffer): string | undefined {
    this.#bytes = payload
    this.#undecided = this.#all
    this.#found.fill(ABSENT)
    const topic = this.#walk() ? this.#verdict() : undefined
    this.#bytes = NO_BYTES
    return topic
  }

  #verdict(): string | undefined {
    for (const { path, is, not } of this.#program.when) {
      const text = this.#textAt(path)
      if (is !== undefined && text !== is) return undefined
      if (not !== undefined && text === not) return undefined
      if (is === undefined && not === undefined && this.#found[path] === ABSENT) return undefined
    }
    let topic = ''
    for (const part of this.#program.key) {
      const text = typeof part === 'string' ? part : this.#textAt(part)
      if (text === undefined) return undefined
      topic += text
    }
    return topic !== '' && fits(topic) ? topic : undefined
  }

  #textAt(path: number): string | undefined {
    return this.#found[path] === TEXT ? this.#texts[path] : undefined
  }

  /** True: every path is decided. */
  #walk(): boolean {
    if (this.#undecided === 0) return true
    const start = behindSpace(this.#bytes, 0)
    const root = this.#bytes[start]
    if (root !== OPEN_OBJECT && root !== OPEN_ARRAY) return false
    this.#level = -1
    let at = this.#enter(start, this.#all)
    while (at !== NOWHERE) {
      const isEmpty = this.#fresh && this.#bytes[at] === this.#closers[this.#level]
      this.#fresh = false
      at = isEmpty ? this.#leave(at) : this.#member(at)
      if (at !== NOWHERE && !this.#fresh) at = this.#nextMember(at)
    }
    return this.#undecided === 0
  }

  // Each of these moves on to the place that it returns; NOWHERE: all is decided, or what is there does not fit.

  /** `at`: an opening bracket. To what is behind it. */
  #enter(at: number, through: Paths): number {
    const level = ++this.#level
    this.#through[level] = through
    this.#closers[level] = this.#bytes[at] === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
    this.#indices[level] = 0
    this.#fresh = true
    return behindSpace(this.#bytes, at + 1)
  }

  /** `at`: the closing bracket of the innermost container. */
  #leave(at: number): number {
    // Whatever has not been met in it is not there.
    this.#undecided &= ~(this.#through[this.#level] as Paths)
    this.#level--
    return at + 1
  }

  /** From behind a value to where the next one begins that may matter. */
  #nextMember(from: number): number {
    const bytes = this.#bytes
    let at = from
    while (this.#undecided !== 0 && at !== NOWHERE) {
      if (((this.#through[this.#level] as Paths) & this.#undecided) === 0) {
        at = behindContainer(bytes, at)
        this.#level--
        continue
      }
      at = behindSpace(bytes, at)
      if (bytes[at] === COMMA) {
        ;(this.#indices[this.#level] as number)++
        return behindSpace(bytes, at + 1)
      }
      if (bytes[at] !== this.#closers[this.#level]) return NOWHERE
      at = this.#leave(at)
    }
    return NOWHERE
  }

  #member(from: number): number {
    const bytes = this.#bytes
    if (this.#closers[this.#level] === CLOSE_ARRAY) return this.#value(from, this.#matchingIndex())
    if (bytes[from] !== QUOTE) return NOWHERE
    const end = behindString(bytes, from + 1)
    if (end === NOWHERE) return NOWHERE
    const matching = this.#matchingKey(from + 1, end - 1)
    const colon = behindSpace(bytes, end)
    if (matching === undefined || bytes[colon] !== COLON) return NOWHERE
    return this.#value(behindSpace(bytes, colon + 1), matching)
  }

  /** Of the undecided paths through the innermost container, those that go on with this key. Undefined: it has an escape that there is not. */
  #matchingKey(from: number, end: number): Paths | undefined {
    const bytes = this.#bytes
    const key = hasEscape(bytes, from, end) ? unescaped(bytes, from, end) : ''
    if (key === undefined) return undefined
    const keyBytes = key === '' ? undefined : Buffer.from(key)
    const candidates = (this.#through[this.#level] as Paths) & this.#undecided
    let matching = 0
    for (let n = 0; 1 << n <= candidates; n++) {
      if ((candidates & (1 << n)) === 0) continue
      const step = this.#stepOf(n)
      if (keyBytes === undefined ? isEqual(bytes, from, end, step.keyBytes) : keyBytes.equals(step.keyBytes)) {
        matching |= 1 << n
      }
    }
    return matching
  }

  /** The same for the element of an array that is next. */
  #matchingIndex(): Paths {
    const index = this.#indices[this.#level]
    const candidates = (this.#through[this.#level] as Paths) & this.#undecided
    let matching = 0
    for (let n = 0; 1 << n <= candidates; n++) {
      if ((candidates & (1 << n)) !== 0 && this.#stepOf(n).index === index) matching |= 1 << n
    }
    return matching
  }

  #stepOf(path: number): Step {
    return (this.#steps[path] as readonly Step[])[this.#level] as Step
  }

  #value(at: number, matching: Paths): number {
    const bytes = this.#bytes
    const first = bytes[at]
    if (endsScalar(first)) return NOWHERE
    const ending = matching === 0 ? 0 : this.#ending(matching)
    const beyond = matching & ~ending
    const asked = ending & this.#textual
    this.#decide(ending & ~asked, NO_TEXT)
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      this.#decide(asked, NO_TEXT)
      if (this.#undecided === 0) return NOWHERE
      return beyond === 0 ? behindContainer(bytes, at + 1) : this.#enter(at, beyond)
    }
    if (this.#undecided === 0) return NOWHERE
    const isString = first === QUOTE
    const end = isString ? behindString(bytes, at + 1) : endOfScalar(bytes, at)
    if (end === NOWHERE) return NOWHERE
    if (asked !== 0) {
      const text = isString ? this.#textOf(at + 1, end - 1) : utf8Slice(bytes, at, end)
      if (text === undefined) return NOWHERE
      this.#decide(asked, fits(text) ? TEXT : NO_TEXT, text)
    }
    // A path that goes on has nowhere to go.
    this.#undecided &= ~beyond
    return end
  }

  #textOf(from: number, end: number): string | undefined {
    return hasEscape(this.#bytes, from, end) ? unescaped(this.#bytes, from, end) : utf8Slice(this.#bytes, from, end)
  }

  /** Of these, those whose last element this is. */
  #ending(paths: Paths): Paths {
    let ending = 0
    for (let n = 0; 1 << n <= paths; n++) {
      if ((paths & (1 << n)) !== 0 && this.#steps[n]?.length === this.#level + 1) ending |= 1 << n
    }
    return ending
  }

  #decide(paths: Paths, found: number, text = ''): void {
    for (let n = 0; 1 << n <= paths; n++) {
      if ((paths & (1 << n)) === 0) continue
      this.#found[n] = found
      this.#texts[n] = text
    }
    this.#undecided &= ~paths
  }
}

function stepOf(key: string): Step {
  return { keyBytes: Buffer.from(key), index: INDEX.test(key) ? Number(key) : -1 }
}

const fits = (text: string): boolean => text.length <= MAX_TOPIC_BYTES && Buffer.byteLength(text) <= MAX_TOPIC_BYTES

function hasEscape(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (bytes[at] === BACKSLASH) return true
  return false
}

function isEqual(bytes: Uint8Array, from: number, end: number, other: Uint8Array): boolean {
  if (end - from !== other.length) return false
  for (let i = 0; i < other.length; i++) if (bytes[from + i] !== other[i]) return false
  return true
}
