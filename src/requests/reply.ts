import { findJsonValue, unquoteJson } from './json-find.ts'

/** A reply, as the text that was received. Owns it. */
export class WsReply {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /**
   * The value at a path of keys and array indices, such as `result.orders.0.id`, as its exact source text: an integer of
   * 19 digits keeps them all. Strings come without quotes and unescaped; objects and arrays as their JSON. Of duplicate
   * keys the last one counts, as in `JSON.parse`. Undefined where there is nothing, or when the text is not JSON. A key
   * that contains a dot cannot be named: use {@link json}. Scans the whole text each time.
   */
  field(path: string): string | undefined {
    const found = findJsonValue(this.#text, path.split('.'))
    if (found === undefined) return undefined
    const source = this.#text.slice(found.start, found.end)
    return source.startsWith('"') ? unquoteJson(source) : source
  }

  /** The whole reply as it was received. */
  text(): string {
    return this.#text
  }

  /** `JSON.parse` of {@link text}, with all that it does: integers above 2^53 lose digits, and bad JSON throws. */
  json(): unknown {
    return JSON.parse(this.#text)
  }
}
