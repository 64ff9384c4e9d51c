import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { Payload } from './payload.ts'

/**
 * Data of the kinds that exchanges and web servers send, made from seeds. Sizes are those of the files that the field's
 * suite reads for families 12 and 13.
 */
const MAKERS = {
  json: (random: SeededRandom) => grown(194_056, () => `${JSON.stringify(book(random))},\n`),
  html: (random: SeededRandom) => grown(263_647, () => htmlRow(random)),
  prose: (random: SeededRandom) => grown(222_218, () => `${sentence(random)} `),
  bitmap: () => bitmap(512),
  noise: (random: SeededRandom) => Buffer.from(Array.from({ length: 1_042_328 }, () => random.below(256))),
} as const

export type SampleName = keyof typeof MAKERS
export const SAMPLE_NAMES = Object.keys(MAKERS) as readonly SampleName[]

/** A sample as units: characters of the JSON, which is not ASCII all through, bytes of the others. */
const made = new Map<SampleName, { readonly bytes: Buffer; readonly starts: Uint32Array | undefined }>()

function sampleOf(name: SampleName): { readonly bytes: Buffer; readonly starts: Uint32Array | undefined } {
  let sample = made.get(name)
  if (sample === undefined) {
    const bytes = MAKERS[name](new SeededRandom(SAMPLE_NAMES.indexOf(name) + 1))
    sample = { bytes, starts: name === 'json' ? characterStarts(bytes) : undefined }
    made.set(name, sample)
  }
  return sample
}

/** `length` units from `at` on, the sample repeated for ever. */
export function sampleAt(name: SampleName, at: number, length: number): Payload {
  const parts = (): Buffer[] => partsOf(name, at, length)
  return {
    get byteLength() {
      return parts().reduce((sum, part) => sum + part.length, 0)
    },
    bytes: () => Buffer.concat(parts()),
  }
}

/** Views of the sample. */
function partsOf(name: SampleName, at: number, length: number): Buffer[] {
  const { bytes, starts } = sampleOf(name)
  const units = starts === undefined ? bytes.length : starts.length - 1
  const offset = (unit: number): number => (starts === undefined ? unit : (starts[unit] as number))
  const parts: Buffer[] = []
  for (let left = length, from = at % units; left > 0; from = 0) {
    const until = Math.min(units, from + left)
    parts.push(bytes.subarray(offset(from), offset(until)))
    left -= until - from
  }
  return parts
}

function characterStarts(bytes: Buffer): Uint32Array {
  const starts: number[] = []
  for (let at = 0; at < bytes.length; at++) if (((bytes[at] as number) & 0xc0) !== 0x80) starts.push(at)
  return Uint32Array.from([...starts, bytes.length])
}

function grown(size: number, next: () => string): Buffer {
  let text = ''
  while (text.length < size) text += next()
  return Buffer.from(text.slice(0, size))
}

const NAMES = ['BTC-PERPETUAL', 'ETH-27MAR26-4000-C', 'Zürich-Index', '€STR-3M', 'SOL_USDC']

function book(random: SeededRandom): object {
  const level = (price: number): [string, string] => [price.toFixed(2), (random.below(90_000) / 1000).toFixed(3)]
  const mid = 60_000 + random.below(500) / 10
  return {
    e: 'depthUpdate',
    E: 1_760_000_000_000 + random.below(10_000_000),
    s: NAMES[random.below(NAMES.length)],
    U: random.below(1_000_000_000),
    b: Array.from({ length: 3 + random.below(5) }, (_, depth) => level(mid - depth / 10)),
    a: Array.from({ length: 3 + random.below(5) }, (_, depth) => level(mid + depth / 10)),
  }
}

function htmlRow(random: SeededRandom): string {
  const id = random.below(100_000)
  return `  <tr class="row r${id % 7}"><td><a href="/orders/${id}?page=${id % 40}">${id}</a></td><td class="num">${random.below(9999) / 100}</td></tr>\n`
}

const SYLLABLES = ['ka', 'ro', 'min', 'tes', 'ul', 'van', 'de', 'sor', 'lig', 'ne', 'thal', 'bu', 'er', 'schi', 'mo']

function sentence(random: SeededRandom): string {
  const word = (): string => Array.from({ length: 1 + random.below(4) }, () => SYLLABLES[random.below(15)]).join('')
  const words = Array.from({ length: 5 + random.below(15) }, word).join(' ')
  return `${words[0]?.toUpperCase()}${words.slice(1)}.`
}

/** A grey-scale picture with its header: smooth, with edges. */
function bitmap(side: number): Buffer {
  const header = Buffer.alloc(1078, 'BM')
  const pixel = (index: number): number => {
    const x = index % side
    const y = Math.floor(index / side)
    const inside = (x - 200) ** 2 + (y - 260) ** 2 < 150 ** 2
    return Math.round(128 + 60 * Math.sin(x / 40) * Math.cos(y / 60) + (inside ? 60 : 0) + ((x * 7 + y * 3) % 5))
  }
  return Buffer.concat([header, Buffer.from(Array.from({ length: side * side }, (_, index) => pixel(index)))])
}
