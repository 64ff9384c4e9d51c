// Instructions per frame of the codec, counted by callgrind: the same on every run.
import { spawnSync } from 'node:child_process'
import { CannotRun } from './question.mjs'

const FEW = 20_000
const MANY = 60_000

/**
 * The difference of two runs, so that starting up cancels out.
 * @param {string} program As made by `buildCodec`.
 * @param {'decode' | 'encode'} op
 * @param {number} size
 */
export function instructionsPerFrame(program, op, size) {
  return (count(program, op, size, MANY) - count(program, op, size, FEW)) / (MANY - FEW)
}

/**
 * @param {string} program
 * @param {string} op
 * @param {number} size
 * @param {number} n
 */
function count(program, op, size, n) {
  const args = ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, op, String(size), String(n)]
  const { status, stderr, error } = spawnSync('valgrind', args, { encoding: 'utf8' })
  if (error) throw new CannotRun('valgrind is needed to count instructions (Debian: valgrind), or --no-instructions')
  const found = /Collected : (\d+)/.exec(stderr)
  if (status !== 0 || !found) throw new Error(`valgrind failed: ${stderr.trim().split('\n').slice(-3).join(' ')}`)
  return Number(found[1])
}
