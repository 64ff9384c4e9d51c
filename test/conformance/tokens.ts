const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(hex:[0-9a-f]*)|([A-Za-z_][A-Za-z0-9_-]*)|(\d+)|(\S))/y

/** The words of one line of a vector. */
export class Tokens {
  readonly #where: string
  readonly #tokens: readonly string[]
  /** How much of each sample the vector has used. */
  readonly samples: Map<string, number>
  #at = 0

  /** `where` begins every complaint. */
  constructor(text: string, where: string, samples = new Map<string, number>()) {
    this.#where = where
    this.samples = samples
    const tokens: string[] = []
    TOKEN.lastIndex = 0
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) tokens.push(match[0].trim())
    this.#tokens = tokens
  }

  get next(): string | undefined {
    return this.#tokens[this.#at]
  }

  take(token: string): boolean {
    if (this.next !== token) return false
    this.#at++
    return true
  }

  expect(token: string): void {
    if (!this.take(token)) throw this.error(`"${token}"`)
  }

  word(): string {
    const word = this.next
    if (word === undefined || !/^[A-Za-z]/.test(word) || word.startsWith('hex:')) throw this.error('a word')
    this.#at++
    return word
  }

  number(): number {
    const value = this.takeNumber()
    if (value === undefined) throw this.error('a number')
    return value
  }

  takeNumber(): number | undefined {
    if (this.next === undefined || !/^\d+$/.test(this.next)) return undefined
    return Number(this.#tokens[this.#at++])
  }

  takeText(): Buffer | undefined {
    return this.next?.startsWith('"') ? Buffer.from(JSON.parse(this.#tokens[this.#at++] as string)) : undefined
  }

  takeHex(): Buffer | undefined {
    if (!this.next?.startsWith('hex:')) return undefined
    const digits = (this.#tokens[this.#at] as string).slice(4)
    if (digits.length % 2 !== 0) throw this.error('an even number of hex digits')
    this.#at++
    return Buffer.from(digits, 'hex')
  }

  end(): void {
    if (this.next !== undefined) throw this.error('the end of the line')
  }

  error(wanted: string): Error {
    const found = this.next === undefined ? 'the line ends' : `there is ${this.next}`
    return new Error(`${this.#where}: ${wanted} is wanted, but ${found}`)
  }
}
