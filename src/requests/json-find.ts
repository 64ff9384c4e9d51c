/** Where a value lies in its text: `text.slice(start, end)`. */
export interface JsonSpan {
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

// Sticky, and each matches in linear time: what they read was chosen by a peer.
const SPACE = /[ \t\n\r]*/y
const SCALAR = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: a JSON string must not contain them (RFC 8259 7)
const PLAIN = /[^"\\\u0000-\u001f]*/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/**
 * The value at `path` in a JSON text (RFC 8259), or undefined when there is none or the text is not JSON. One pass over
 * the whole text, with a stack of its own: nesting costs a number per level and never the call stack. Of duplicate keys
 * the last one counts.
 */
export function findJsonValue(text: string, path: readonly string[]): JsonSpan | undefined {
  return new Finder(text, path).find()
}

/** The JSON string literal without its quotes, unescaped. */
export function unquoteJson(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1)
}

class Finder {
  readonly #text: string
  readonly #path: readonly string[]
  #at = 0
  /** The closing bracket of each open container. */
  readonly #closers: number[] = []
  /** Of each open array, the index of the element being read. */
  readonly #indices: number[] = []
  /** How many of the open containers, counted from the outermost, are on the path. */
  #matched = 0
  /** The next value is on the path. */
  #onPath = true
  /** Nothing of the innermost container has been read. */
  #fresh = false
  #start = -1
  #end = -1

  constructor(text: string, path: readonly string[]) {
    this.#text = text
    this.#path = path
  }

  find(): JsonSpan | undefined {
    if (!this.#value()) return undefined
    while (this.#closers.length > 0) {
      if (!this.#step()) return undefined
    }
    this.#skip(SPACE)
    if (this.#at < this.#text.length || this.#end === -1) return undefined
    return { start: this.#start, end: this.#end }
  }

  /** Reads a scalar, or the opening bracket of a container. False, as in all of these: the text is not JSON. */
  #value(): boolean {
    this.#skip(SPACE)
    const isTarget = this.#onPath && this.#closers.length === this.#path.length
    if (isTarget) this.#start = this.#at
    const code = this.#text.charCodeAt(this.#at)
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (this.#onPath && !isTarget) this.#matched++
      this.#closers.push(code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)
      this.#indices.push(0)
      this.#fresh = true
      this.#at++
      return true
    }
    if (code === QUOTE ? !this.#string() : !this.#skip(SCALAR)) return false
    if (isTarget) this.#end = this.#at
    return true
  }

  /** Inside the innermost container: leaves it, or reads its next member up to where that member's value begins to nest. */
  #step(): boolean {
    this.#skip(SPACE)
    const top = this.#closers.length - 1
    const code = this.#text.charCodeAt(this.#at)
    if (code === this.#closers[top]) {
      this.#leave()
      return true
    }
    if (!this.#fresh) {
      if (code !== COMMA) return false
      this.#at++
      this.#indices[top] = (this.#indices[top] as number) + 1
    }
    this.#fresh = false
    const wanted = this.#matched > top ? this.#path[top] : undefined
    if (this.#closers[top] === CLOSE_ARRAY) {
      this.#onPath = wanted !== undefined && wanted === String(this.#indices[top])
    } else {
      const key = this.#key()
      if (key === undefined) return false
      this.#onPath = wanted !== undefined && unquoteJson(key) === wanted
      // An earlier key of the same name is void, with whatever was found below it.
      if (this.#onPath) {
        this.#start = -1
        this.#end = -1
      }
    }
    return this.#value()
  }

  #leave(): void {
    this.#at++
    this.#closers.pop()
    this.#indices.pop()
    this.#fresh = false
    const depth = this.#closers.length
    if (this.#matched > depth) this.#matched = depth
    // A value has begun and not ended: it is the container that is left here.
    else if (depth === this.#path.length && this.#start > this.#end) this.#end = this.#at
  }

  /** The literal of an object's key; its colon is read too. */
  #key(): string | undefined {
    this.#skip(SPACE)
    const start = this.#at
    if (this.#text.charCodeAt(start) !== QUOTE || !this.#string()) return undefined
    const end = this.#at
    this.#skip(SPACE)
    if (this.#text.charCodeAt(this.#at) !== COLON) return undefined
    this.#at++
    return this.#text.slice(start, end)
  }

  #string(): boolean {
    this.#at++
    for (;;) {
      this.#skip(PLAIN)
      const code = this.#text.charCodeAt(this.#at)
      if (code === QUOTE) {
        this.#at++
        return true
      }
      if (code !== BACKSLASH || !this.#skip(ESCAPE)) return false
    }
  }

  /** Moves behind what `pattern` matches here. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }
}
