/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'topics',
  summary: 'What does it cost to know when each topic was last seen, of 150-byte messages: by plan, or by a function?',
  prepare: () => ({
    cases: [
      {
        name: 'bulk, record',
        impls: ['shared-ws:main', 'shared-ws:plan', 'shared-ws:slice', 'shared-ws:json'],
        place: 'same',
        task: 'receive',
        fields: { form: 'record' },
        path: '/bulk?size=150',
        units: ['cpu-ns/msg', 'msg/s'],
        size: 150,
      },
    ],
  }),
  targets: [
    {
      case: 'bulk, record',
      unit: 'cpu-ns/msg',
      impl: 'shared-ws:plan',
      peer: 'shared-ws:slice',
      atLeast: 2,
      says: 'half of what the cheapest function costs',
    },
  ],
  notes: [
    'main: topics are not watched. plan: `plan.topic` is `{e}:{s}`. slice and json: `topics.topicOf` finds the same in `frame.text()` ' +
      'by indexOf and slice, or in `frame.json()`.',
    'Of four messages three are objects that name it as their first two keys, and one is an array of no topic.',
    'Server and client on one CPU.',
  ],
}
