import { type Checker, describe } from '../support/check.ts'
import type { IngressPlan, WsTopicCondition, WsTopicPlan } from './plan.ts'
import { MAX_TOPIC_BYTES, parseTemplate, type TemplatePart } from './topic-program.ts'

/** Bounds of what every message is searched for. */
const MAX_PATHS = 8
const MAX_DEPTH = 16
/** Of all paths together. */
const MAX_PATH_BYTES = 256
const MAX_CONDITIONS = 16
const MAX_PARTS = 32

/** A copy with nothing left to check, or undefined: not given, or mistaken. Every mistake goes to `check`. */
export function checkPlan(check: Checker, value: unknown): IngressPlan | undefined {
  const given = check.object('plan', value, ['topic'])
  if (given === undefined) return undefined
  const topic = given.topic === undefined ? undefined : checkTopic(check, given.topic)
  return topic === undefined ? {} : { topic }
}

function checkTopic(check: Checker, value: unknown): WsTopicPlan | undefined {
  const before = check.problems.length
  const isShort = typeof value === 'string'
  const given = isShort ? { key: value } : check.object('plan.topic', value, ['key', 'when'])
  if (given === undefined) return undefined
  const paths = new Set<string>()
  checkKey(check, isShort ? 'plan.topic' : 'plan.topic.key', given.key, paths)
  const { when } = given as { readonly when?: unknown }
  const conditions = when === undefined ? [] : checkConditions(check, when, paths)
  checkPaths(check, paths)
  if (check.problems.length > before) return undefined
  return { key: given.key as string, when: conditions }
}

function checkKey(check: Checker, field: string, key: unknown, paths: Set<string>): void {
  if (key === undefined) {
    check.add(field, `is missing: where is the topic of a message, such as '{params.channel}'?`)
    return
  }
  if (typeof key !== 'string' || key === '') {
    check.add(field, `must be a template such as '{params.channel}', is ${describe(key)}`)
    return
  }
  const parts = parseTemplate(key)
  if (typeof parts === 'string') {
    check.add(field, parts)
    return
  }
  const named = parts.flatMap((part) => ('path' in part ? [part.path] : []))
  for (const path of named) addPath(check, field, path, paths)
  if (named.length === 0) {
    check.add(
      field,
      `has no path in braces, such as '{${key.replace(/[{}]/g, '')}}': every message would be of one topic`,
    )
  }
  if (parts.length > MAX_PARTS) check.add(field, `has ${parts.length} parts; at most ${MAX_PARTS}`)
  if (Buffer.byteLength(textOf(parts)) > MAX_TOPIC_BYTES) {
    check.add(field, `has more text than the ${MAX_TOPIC_BYTES} bytes of the longest topic`)
  }
}

const textOf = (parts: readonly TemplatePart[]): string => {
  return parts.map((part) => ('text' in part ? part.text : '')).join('')
}

function checkConditions(check: Checker, when: unknown, paths: Set<string>): readonly WsTopicCondition[] {
  if (!Array.isArray(when)) {
    check.add('plan.topic.when', `must be a list of conditions such as { path: 'data' }, is ${describe(when)}`)
    return []
  }
  if (when.length > MAX_CONDITIONS) {
    check.add('plan.topic.when', `has ${when.length} conditions; at most ${MAX_CONDITIONS}`)
  }
  return when.map((condition, i) => checkCondition(check, `plan.topic.when[${i}]`, condition, paths))
}

function checkCondition(check: Checker, field: string, value: unknown, paths: Set<string>): WsTopicCondition {
  if (value === undefined) check.add(field, `must be a condition such as { path: 'data' }, is undefined`)
  const { path, is, not } = check.object(field, value, ['path', 'is', 'not']) ?? { path: 'mistaken' }
  if (typeof path !== 'string') {
    check.add(`${field}.path`, `must be a path such as 'data' or 'arg.channel', is ${describe(path)}`)
  } else {
    addPath(check, `${field}.path`, path, paths)
  }
  for (const [name, text] of [
    ['is', is],
    ['not', not],
  ] as const) {
    if (text === undefined) continue
    if (typeof text !== 'string') {
      check.add(`${field}.${name}`, `must be a string, of numbers, too ('7', 'true'), is ${describe(text)}`)
    } else if (Buffer.byteLength(text) > MAX_TOPIC_BYTES) {
      check.add(`${field}.${name}`, `has more than ${MAX_TOPIC_BYTES} bytes, which no value is compared with`)
    }
  }
  if (is !== undefined && not !== undefined) check.add(field, 'has both is and not: make it two conditions')
  return {
    path: path as string,
    ...(is === undefined ? {} : { is: is as string }),
    ...(not === undefined ? {} : { not: not as string }),
  }
}

function addPath(check: Checker, field: string, path: string, paths: Set<string>): void {
  const steps = path.split('.')
  if (path === '') check.add(field, 'has an empty path: name keys separated by dots')
  else if (steps.includes('')) check.add(field, `has a path with an empty key ('${path}'): two dots, or one at an end`)
  else if (/[{}]/.test(path))
    check.add(field, `has a path with braces ('${path}'): they belong around it, and in plan.topic.key alone`)
  else if (steps.length > MAX_DEPTH) check.add(field, `has a path of ${steps.length} keys; at most ${MAX_DEPTH}`)
  else paths.add(path)
}

function checkPaths(check: Checker, paths: ReadonlySet<string>): void {
  if (paths.size > MAX_PATHS) {
    check.add('plan.topic', `looks at ${paths.size} different paths; at most ${MAX_PATHS}`)
  }
  const bytes = Buffer.byteLength([...paths].join('').replaceAll('.', ''))
  if (bytes > MAX_PATH_BYTES) {
    check.add('plan.topic', `has paths of ${bytes} bytes in all; at most ${MAX_PATH_BYTES}`)
  }
}
