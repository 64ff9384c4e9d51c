import type { WsConfigProblem } from '../errors/errors.ts'

/** A checked piece of configuration, or every mistake in it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly WsConfigProblem[] }

export function checked<T>(value: T, problems: readonly WsConfigProblem[]): Checked<T> {
  return problems.length === 0 ? { ok: true, value } : { ok: false, problems }
}

/** For messages about a value of the wrong type; never shows the value, which may be a secret. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}
