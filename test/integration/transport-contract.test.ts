import { describe, test } from 'vitest'
import { type ContractEnvironment, transportContract } from '../../src/testing/transport-contract.ts'
import { nativeTransport } from '../../src/transport/native.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { mockEnvironment, socketEnvironment } from '../support/contract-environments.ts'

const environments: Record<string, () => ContractEnvironment> = {
  native: () => socketEnvironment(nativeTransport, { exactDelivery: true, drains: true }),
  ws: () => socketEnvironment(wsTransport, { exactDelivery: false, drains: false }),
  mock: mockEnvironment,
}

/** The addon is told what was negotiated and does not inflate yet. */
const isPending = (transport: string, rule: string): boolean =>
  transport === 'native' &&
  /^(deflate:|inflateBinary)/.test(rule) &&
  !/declines?|may decline|fails the upgrade/.test(rule)

describe.each(Object.entries(environments))('%s', (name, environment) => {
  const cases = transportContract.filter((rule) => !isPending(name, rule.name))
  test.each(cases.map(({ name, run }) => [name, run] as const))('%s', async (_rule, run) => {
    await run(environment())
  })
})
