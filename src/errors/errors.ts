/**
 * Programmer's mistakes throw a {@link SharedWsError}; failures of the network are values
 * ({@link file://./disconnect-cause.ts WsDisconnectCause}) and reach a promise's rejection only where the user asked
 * for a promise, as {@link WsConnectError}.
 */
export class SharedWsError extends Error {
  /** Stable, for programs: `ERR_…`. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** One mistake in a configuration: which field, what is wrong with it, and what would be right. */
export interface WsConfigProblem {
  /** Path of the field, such as `tls.ca[1]`. */
  readonly field: string
  readonly message: string
}

/** Thrown once for a whole configuration, with every mistake in it. */
export class WsConfigError extends SharedWsError {
  readonly problems: readonly WsConfigProblem[]

  constructor(problems: readonly WsConfigProblem[]) {
    const lines = problems.map((p) => `  ${p.field}: ${p.message}`)
    super('ERR_CONFIG', `invalid configuration (${problems.length}):\n${lines.join('\n')}`)
    this.problems = problems
  }
}
