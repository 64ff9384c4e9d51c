import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COUNTER_BYTES, Counter, EndReason } from '../../../src/native/addon.ts'
import * as records from '../../../src/support/records.ts'

const header = readFileSync(new URL('../../../native/io/record.h', import.meta.url), 'utf8')
const bodyOf = (declaration: string): string => {
  const found = header.match(new RegExp(`${declaration}[^{]*\\{([^}]*)\\}`))
  if (found === null) throw new Error(`native/io/record.h has no ${declaration}`)
  return (found[1] as string).replace(/\/\/.*/g, '')
}

/** `kEnd = 10` as `end: 10`. */
function enumOf(name: string): Record<string, number> {
  const entries = [...bodyOf(`enum class ${name}`).matchAll(/k(\w)(\w*) = (\d+)/g)]
  return Object.fromEntries(
    entries.map(([, first = '', rest = '', value]) => [first.toLowerCase() + rest, Number(value)]),
  )
}

const SIZES: Record<string, number> = { RecordKind: 1, uint8_t: 1, uint16_t: 2, uint32_t: 4, double: 8 }

/** Byte offsets of a struct's fields, and its size. No padding: the assertion in the header sees to that. */
function structOf(name: string): { offsets: Record<string, number>; size: number } {
  const offsets: Record<string, number> = {}
  let size = 0
  for (const [, type = '', field = ''] of bodyOf(`struct ${name}`).matchAll(/(\w+) (\w+);/g)) {
    offsets[field] = size
    size += SIZES[type] ?? Number.NaN
  }
  return { offsets, size }
}

const constant = (name: string): number => Number(header.match(new RegExp(`${name} = (\\d+)`))?.[1])
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

describe('what both sides of the addon read', () => {
  test('record kinds and reasons of an end', () => {
    expect(enumOf('RecordKind')).toEqual(records.RecordKind)
    expect(enumOf('EndReason')).toEqual(EndReason)
  })

  test('fields of a record', () => {
    const { offsets, size } = structOf('Record')
    expect(size).toBe(records.RECORD_WORDS * 4)
    expect(offsets).toEqual({
      kind: records.RECORD_HEAD * 4,
      opcode: records.RECORD_HEAD * 4 + 1,
      flags: records.RECORD_HEAD * 4 + 2,
      link: records.RECORD_LINK * 4,
      offset: records.RECORD_OFFSET * 4,
      length: records.RECORD_LENGTH * 4,
      received_mono_us: records.RECORD_TIME * 8,
      slot: records.RECORD_SLOT * 4,
      aux: records.RECORD_AUX * 4,
    })
    const flags = [records.FLAG_ASCII, records.FLAG_BLOCK, records.FLAG_EXACT_TIME]
    expect(['kFlagAscii', 'kFlagBlock', 'kFlagExactTime'].map(constant)).toEqual(flags)
  })

  test('counters of a link', () => {
    const { offsets, size } = structOf('LinkCounters')
    expect(size).toBe(COUNTER_BYTES)
    const indexes = Object.entries(offsets).map(([name, offset]) => [camel(name), offset / 8])
    expect(Object.fromEntries(indexes)).toEqual(Counter)
  })
})
