import type { IngressPlan, WsTopicCondition } from './plan.ts'

/** The longest name of a topic, bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256

/** {@link IngressPlan.topic}, taken apart: what transports run. */
export interface TopicProgram {
  /** Distinct. Each is keys and indices, outermost first. */
  readonly paths: readonly (readonly string[])[]
  /** The name, piece by piece: literal text, or the value at `paths[n]`. */
  readonly key: readonly (string | number)[]
  readonly when: readonly TopicTest[]
}

/** Of the value at `paths[path]`: it is there; with `is` or `not`, its text. */
export interface TopicTest {
  readonly path: number
  readonly is?: string
  readonly not?: string
}

/** A template's pieces: literal text, and paths as they were written. */
export type TemplatePart = { readonly text: string } | { readonly path: string }

/** Of a plan that has been checked. Undefined: it names no topic. */
export function topicProgram({ topic }: IngressPlan): TopicProgram | undefined {
  if (topic === undefined) return undefined
  const { key, when = [] } = typeof topic === 'string' ? ({ key: topic } as const) : topic
  const indices = new Map<string, number>()
  const indexOf = (path: string): number => {
    const known = indices.get(path) ?? indices.size
    indices.set(path, known)
    return known
  }
  const parts = (parseTemplate(key) as readonly TemplatePart[]).map((part) => {
    return 'text' in part ? part.text : indexOf(part.path)
  })
  const tests = when.map(({ path, is, not }: WsTopicCondition) => ({
    path: indexOf(path),
    ...(is === undefined ? {} : { is }),
    ...(not === undefined ? {} : { not }),
  }))
  return { paths: Array.from(indices.keys(), (path) => path.split('.')), key: parts, when: tests }
}

/** A string instead of the parts: what is wrong with the template. */
export function parseTemplate(template: string): readonly TemplatePart[] | string {
  const parts: TemplatePart[] = []
  let text = ''
  for (let at = 0; at < template.length; at++) {
    const char = template[at] as string
    if ((char === '{' || char === '}') && template[at + 1] === char) {
      text += char
      at++
    } else if (char === '}') {
      return `has a } at ${at} that closes nothing; }} stands for a brace`
    } else if (char === '{') {
      const end = template.indexOf('}', at)
      if (end === -1) return `has a { at ${at} that is not closed; {{ stands for a brace`
      if (text !== '') parts.push({ text })
      text = ''
      parts.push({ path: template.slice(at + 1, end) })
      at = end
    } else {
      text += char
    }
  }
  if (text !== '') parts.push({ text })
  return parts
}
