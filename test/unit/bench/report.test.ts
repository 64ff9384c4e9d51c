import { describe, expect, it } from 'vitest'
import { plot } from '../../../bench/lib/plot.mjs'
import { joinReports, makeReport, ratiosOf } from '../../../bench/lib/report.mjs'
import { resultsPage } from '../../../bench/lib/results.mjs'
import { caseTable, markdownTable, targetLines } from '../../../bench/lib/table.mjs'

const result = (name: string, impl: string, unit: string, median: number, spread = 1) => ({
  name,
  impl,
  unit,
  median,
  min: median - spread,
  max: median + spread,
  n: 7,
})

const CPU = 'cpu-ns/msg'
const cases = [
  result('bulk', 'C', CPU, 40),
  result('bulk', 'C', 'msg/s', 20_000_000),
  result('bulk', 'shared-ws:main', CPU, 80),
  result('bulk', 'shared-ws:main', 'msg/s', 10_000_000),
  result('bulk', 'ws', CPU, 800),
  result('bulk', 'ws', 'msg/s', 1_000_000),
  result('paced', 'shared-ws:main', CPU, 4000),
  result('paced', 'ws', CPU, 4001),
]

const targets = [
  { case: 'bulk', unit: CPU, impl: 'shared-ws:main', peer: 'ws', atLeast: 9, says: '9 times less CPU than ws' },
  {
    case: 'bulk',
    unit: CPU,
    impl: 'shared-ws:main',
    peer: 'C',
    atLeast: 1 / 1.5,
    says: 'at most 1.5 times the C limit',
  },
  { case: 'absent', unit: CPU, impl: 'shared-ws:main', peer: 'ws', atLeast: 2, says: 'not measured' },
]

describe('the JSON', () => {
  it('has exactly the agreed shape', () => {
    const report = makeReport('ingest', 'a machine', [{ ...cases[0]!, extra: true } as (typeof cases)[number]])
    expect(report).toEqual({
      bench: 'ingest',
      machine: 'a machine',
      cases: [{ name: 'bulk', impl: 'C', unit: CPU, median: 40, min: 39, max: 41, n: 7 }],
      ratios: {},
    })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('holds a ratio for every peer of ours, and none between others', () => {
    expect(ratiosOf(cases)).toEqual({
      'bulk C/shared-ws:main cpu-ns/msg': 0.5,
      'bulk ws/shared-ws:main cpu-ns/msg': 10,
      'bulk C/shared-ws:main msg/s': 0.5,
      'bulk ws/shared-ws:main msg/s': 10,
      'paced ws/shared-ws:main cpu-ns/msg': 4001 / 4000,
    })
  })

  it('of several benches names the bench in each case', () => {
    const joined = joinReports('m', [makeReport('one', 'm', cases.slice(0, 3)), makeReport('two', 'm', cases.slice(6))])
    expect(joined.bench).toBe('all')
    expect(new Set(joined.cases.map(({ name }) => name))).toEqual(new Set(['one: bulk', 'two: paced']))
    expect(Object.keys(joined.ratios)).toContain('two: paced ws/shared-ws:main cpu-ns/msg')
  })
})

describe('tables', () => {
  it('are padded, numbers to the right', () => {
    expect(
      markdownTable(
        ['', 'ns'],
        [
          ['ws', '400'],
          ['shared-ws', '41'],
        ],
      ),
    ).toBe(['|           |  ns |', '|-----------|----:|', '| ws        | 400 |', '| shared-ws |  41 |'].join('\n'))
  })

  it('give a row per implementation, both units, and a verdict by the first', () => {
    const lines = caseTable(cases.filter(({ name }) => name === 'bulk')).split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/cpu-ns\/msg .* msg\/s .* shared-ws:main is, by cpu-ns\/msg/)
    expect(lines[2]).toMatch(/^\| C .*40\.0 .*39\.0 – 41\.0.*20 000 000.*2\.00× worse/)
    expect(lines[3]).toMatch(/^\| shared-ws:main .*80\.0.*\| +\|$/)
    expect(lines[4]).toMatch(/10\.0× better/)
  })

  it('withhold the verdict where ranges overlap', () => {
    expect(caseTable(cases.filter(({ name }) => name === 'paced'))).toContain('no difference')
  })

  it('have no verdict when ours did not run', () => {
    expect(caseTable(cases.filter(({ impl }) => impl === 'C'))).not.toContain('shared-ws')
  })

  it('say which targets were reached, by how much, and which were not', () => {
    expect(targetLines(targets, ratiosOf(cases))).toEqual([
      'reached: bulk: 9 times less CPU than ws: 10.0 times less',
      'MISSED: bulk: at most 1.5 times the C limit: 2.00 times',
    ])
  })
})

describe('the plot', () => {
  const svg = plot('What & <why>?', cases, CPU)

  it('draws one bar, one whisker and one figure for each result of the unit', () => {
    const bars = cases.filter(({ unit }) => unit === CPU).length
    expect(svg.match(/<path /g)).toHaveLength(bars)
    expect(svg.match(/<rect x=/g)).toHaveLength(bars)
    for (const name of ['bulk', 'paced']) expect(svg).toContain(`class="case">${name}<`)
  })

  it('escapes text and is balanced', () => {
    expect(svg).toContain('What &amp; &lt;why&gt;?')
    const opened = svg.match(/<(svg|style|text)\b/g)?.length
    expect(svg.match(/<\/(svg|style|text)>/g)).toHaveLength(opened ?? 0)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('is logarithmic only when the figures are far apart', () => {
    expect(svg).toContain('logarithmic scale')
    expect(plot('near', [result('bulk', 'C', CPU, 40), result('bulk', 'ws', CPU, 50)], CPU)).not.toContain(
      'logarithmic',
    )
  })

  it('draws longer bars for larger figures and stays inside', () => {
    const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]))
    expect(widths[0]).toBeLessThan(widths[1]!)
    expect(widths[1]).toBeLessThan(widths[2]!)
    expect(Math.max(...widths)).toBeLessThanOrEqual(860 - 170 - 90)
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(1)
  })

  it('refuses a unit that nothing was measured in', () => {
    expect(() => plot('none', cases, 'GB/s')).toThrow('nothing to plot in GB/s')
  })
})

it('the page carries command, machine, warning, notes, plot, tables, targets and gaps', () => {
  const question = {
    name: 'ingest',
    summary: 'What does it cost?',
    notes: ['mind this'],
    targets,
    prepare: () => ({ cases: [] }),
  }
  const run = { command: 'npm run bench', machine: 'a machine', pinning: 'pinned', date: '2026-01-02', warning: 'busy' }
  const page = resultsPage(run, [
    { question, report: makeReport('ingest', 'a machine', cases), leftOut: ['node: absent here'] },
    { question: { ...question, name: 'capture' }, report: undefined, leftOut: ['no recordings'] },
  ])
  for (const text of [
    '`npm run bench` on 2026-01-02',
    'Machine: a machine',
    'Mind: busy',
    '## ingest',
    '- mind this',
    '- Left out: node: absent here',
    '![ingest](results/ingest.svg)',
    '### bulk',
    '### paced',
    '- reached: bulk: 9 times',
    '- MISSED: bulk',
    '## capture',
    '- Left out: no recordings',
  ]) {
    expect(page).toContain(text)
  }
  expect(page).not.toContain('results/capture.svg')
})
