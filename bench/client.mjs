// One client process: `node bench/client.mjs IMPL [ROOT]`. Reads tasks from standard input, a line of `key=value` each,
// and answers each with a line of JSON. IMPL names a file of bench/impl/; ROOT is where shared-ws was built.
import { createInterface } from 'node:readline'
import { tasks } from './lib/tasks.mjs'

const [name, root] = process.argv.slice(2)
if (root) process.env['BENCH_ROOT'] = root
const { impl } = await import(`./impl/${name}.mjs`)

const say = (/** @type {object} */ answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)

/** @param {string} line */
function fieldsOf(line) {
  return Object.fromEntries(
    line.split(' ').map((field) => {
      const at = field.indexOf('=')
      return [field.slice(0, at), field.slice(at + 1)]
    }),
  )
}

// `unavailable`: why this implementation cannot run here.
say(impl.unavailable ? { unavailable: impl.unavailable } : { ready: true })

for await (const line of createInterface({ input: process.stdin })) {
  const fields = fieldsOf(line)
  const task = tasks[fields['task'] ?? '']
  if (!task) throw new Error(`no such task: ${line}`)
  say({ ok: true, ...(await task(impl, fields)) })
}
process.exit(0) // an implementation that leaves a handle behind must not keep the bench waiting
