import { captureFolder, listCaptures, prepareCaptures } from '../lib/captures.mjs'
import { CannotRun } from '../lib/question.mjs'

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'capture',
  summary: 'What does real traffic of thirteen exchanges cost, at full speed, with JSON.parse of each text?',
  prepare() {
    const names = listCaptures()
    if (!names) throw new CannotRun(`no recordings in ${captureFolder()}; SHARED_WS_CAPTURES names their folder`)
    const captures = prepareCaptures(names)
    return {
      captures: captures.map(({ file }) => file),
      cases: captures.map(({ name, messages, binary }, i) => ({
        name,
        impls: ['C', 'shared-ws:main', 'ws', 'undici'],
        place: 'same',
        task: 'receive',
        fields: { form: 'json' },
        path: `/replay?file=${i}`,
        parsed: binary ? 'none' : 'all',
        units: ['cpu-ns/msg', 'msg/s'],
        probe: messages,
        whole: messages,
        // There are many cases.
        warmUpMs: 150,
        quick: { windowMs: 40, warmUpMs: 60 },
      })),
    }
  },
  notes: [
    'Recorded sessions, replayed round and round; only whole rounds are measured. Server and client on one CPU.',
    'C does not parse. huobi is binary: nobody parses it, its figures are those of receiving alone.',
  ],
}
