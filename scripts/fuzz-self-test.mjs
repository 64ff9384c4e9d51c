// Shows that the fuzz targets bite: each bug of native/fuzz/planted.json is put into a copy of its source file, linked into
// its target, and must be found within seconds from nothing: without seeds, which would show that the seeds bite.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { compilePlanted, fuzz, prepare } from './fuzz-target.mjs'
import { BuildError, root } from './native-program.mjs'

const SECONDS = 60
const TABLE = 'native/fuzz/planted.json'
const output = 'build/fuzz/planted'

/**
 * A bug: in `file` the text `find`, which stands there once, becomes `replace`; `target` must notice.
 * @typedef {{ bug: string, target: string, file: string, find: string, replace: string }} Plant
 */

/** Runs the plants of the targets named, or of all. Prints a line for each and returns how many were found. */
export async function selfTest(names) {
  /** @type {Plant[]} */
  const plants = JSON.parse(readFileSync(join(root, TABLE), 'utf8')).filter(
    ({ target }) => names.length === 0 || names.includes(target),
  )
  const targets = await prepare([...new Set(plants.map(({ target }) => target))])
  const counts = { passed: 0, failed: 0 }
  for (const [index, plant] of plants.entries()) {
    const target = targets.find(({ name }) => name === plant.target)
    const directory = `${output}/${index}`
    rmSync(join(root, directory), { recursive: true, force: true })
    mkdirSync(join(root, `${directory}/corpus`), { recursive: true })
    const planted = await compilePlanted(target, plant.file, plantInto(plant, directory), directory)
    const run = await fuzz(planted, [`${directory}/corpus`], {
      seconds: SECONDS,
      options: ['-seed=1', `-artifact_prefix=${directory}/`],
    })
    if (run.input === undefined) {
      console.log(`planted: ${plant.target}: NOT FOUND in ${run.executions} executions: ${plant.bug}\n${run.report}`)
      counts.failed++
    } else {
      console.log(`planted: ${plant.target}: found in ${run.executions} executions: ${plant.bug}`)
      counts.passed++
    }
  }
  return counts
}

/** Writes the copy that has the bug; returns its path. */
function plantInto({ bug, file, find, replace }, directory) {
  if (!existsSync(join(root, file))) throw new BuildError(`${TABLE}: ${file} is gone; the bug is "${bug}"`)
  const text = readFileSync(join(root, file), 'utf8')
  const places = text.split(find).length - 1
  if (places !== 1)
    throw new BuildError(`${TABLE}: ${file} has ${places} places like "${find}", not 1; the bug is "${bug}"`)
  const copy = `${directory}/${basename(dirname(file))}_${basename(file)}`
  writeFileSync(
    join(root, copy),
    text.replace(find, () => replace),
  )
  return copy
}
