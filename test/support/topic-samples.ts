import { unescaped } from '../../src/plan/json-pieces.ts'
import type { WsTopicCondition, WsTopicPlan } from '../../src/plan/plan.ts'

/** Plans and messages by chance, made to meet: the same few keys, often twice, often escaped, often broken. */

const KEYS = ['a', 'b', '0', '1', 'é', 'q"', 'tab\t', '𝄞', 'aa']
const SCALARS = ['0', '-1.5e+3', '12345678901234567890', 'true', 'null', 'nul', '1"2', 'a:b', '07']
const TEXTS = ['', 'x', 'hb', 'é€𝄞', 'with "quotes" \\ / and \n', '}]{[,:', 'y'.repeat(250), 'ß'.repeat(129), '0']
const SPACES = ['', '', '', '', ' ', '\n\t', ' \r']
const JUNK = Array.from('{}[],:"\\ \n\t0aute-.\u0001\u007fé€𝄞')

export class TopicSamples {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  plan(): WsTopicPlan {
    const paths = Array.from({ length: 1 + this.#below(3) }, () => this.#path())
    const inKey = Array.from({ length: 1 + this.#below(2) }, () => `{${this.#oneOf(paths)}}`)
    const when = Array.from({ length: this.#below(3) }, (): WsTopicCondition => {
      const path = this.#chance(0.5) ? this.#oneOf(paths) : this.#path()
      const text = this.#oneOf([...TEXTS.slice(0, 3), '0', 'true'])
      return this.#oneOf<WsTopicCondition>([{ path }, { path, is: text }, { path, not: text }])
    })
    return { key: inKey.join(this.#oneOf(['', ':', '{{é}}'])), when }
  }

  /** With values where the plan looks, more often than not. */
  message({ key, when = [] }: WsTopicPlan): string {
    const inKey = Array.from(key.matchAll(/\{([^{}]+)\}/g), ([, path]) => path as string)
    const wanted = [...inKey, ...when.map(({ path }) => path)].map((path) => path.split('.'))
    const text = this.#spaced(this.#container(0, wanted))
    return this.#chance(0.5) ? text : this.#broken(text)
  }

  #path(): string {
    return Array.from({ length: 1 + this.#below(3) }, () => this.#oneOf(KEYS)).join('.')
  }

  #value(depth: number): string {
    if (depth < 5 && this.#chance(0.45)) return this.#container(depth, [])
    return this.#chance(0.5) ? this.#oneOf(SCALARS) : this.#string(this.#oneOf([...TEXTS, ...KEYS]))
  }

  /** `path`: what is left of a path that leads here. */
  #valueAt(depth: number, path: readonly string[]): string {
    if (this.#chance(0.1)) return this.#value(depth)
    if (path.length > 0) return this.#container(depth, [path])
    return this.#chance(0.5) ? this.#oneOf(SCALARS) : this.#string(this.#oneOf(TEXTS))
  }

  #container(depth: number, paths: readonly (readonly string[])[]): string {
    const isObject = this.#chance(paths.some(([first]) => first !== '0' && first !== '1') ? 0.9 : 0.5)
    const length = paths.length > 0 ? 1 + this.#below(5) : this.#below(4)
    const members = Array.from({ length }, (_, i) => {
      const leading = isObject ? paths : paths.filter(([first]) => first === `${i}`)
      const [key = this.#oneOf(KEYS), ...rest] = leading.length > 0 && this.#chance(0.8) ? this.#oneOf(leading) : []
      const value = this.#spaced(leading.length > 0 ? this.#valueAt(depth + 1, rest) : this.#value(depth + 1))
      return isObject ? `${this.#spaced(this.#string(key))}:${value}` : value
    })
    return isObject ? `{${members.join(',')}}` : `[${members.join(',')}]`
  }

  #string(text: string): string {
    const units = Array.from(text).flatMap((char) => {
      if (this.#chance(0.8)) return [JSON.stringify(char).slice(1, -1)]
      // Every UTF-16 unit by its number, with digits in either case.
      const escaped = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16).padStart(4, '0'))
      return escaped.map((digits) => `\\u${this.#chance(0.5) ? digits : digits.toUpperCase()}`)
    })
    return `"${units.join('')}"`
  }

  #spaced(text: string): string {
    return `${this.#oneOf(SPACES)}${text}${this.#oneOf(SPACES)}`
  }

  #broken(text: string): string {
    let chars = Array.from(text)
    for (let i = 1 + this.#below(3); i > 0; i--) {
      const at = this.#below(chars.length + 1)
      const how = this.#below(5)
      if (how === 0) chars = chars.slice(0, at)
      else if (how === 1) chars.splice(at, 1 + this.#below(3))
      else if (how === 2) chars.splice(at, 0, ...chars.slice(this.#below(at + 1), at))
      else chars.splice(at, how - 3, this.#oneOf(JUNK))
    }
    return chars.join('')
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  #chance(p: number): boolean {
    return this.#random() < p
  }
}

/** Whatever in a message an implementation could take for a text of a value, right or wrong. */
export function textsIn(message: string): Set<string> {
  const texts = new Set<string>()
  for (const [, inside = ''] of message.matchAll(/(?=(?:^|[^\\])"((?:\\[\s\S]|[^"\\])*)")/g)) {
    texts.add(inside)
    const bytes = Buffer.from(inside)
    texts.add(unescaped(bytes, 0, bytes.length) ?? '')
  }
  const chars = Array.from(message)
  for (const [at, char] of chars.entries()) {
    if (char > ' ' && !':,[{"]}'.includes(char)) continue
    let run = ''
    for (let i = at + 1; i < chars.length && (chars[i] as string) > ' ' && !',]}'.includes(chars[i] as string); i++) {
      run += chars[i]
    }
    texts.add(run)
  }
  texts.delete('')
  return texts
}
