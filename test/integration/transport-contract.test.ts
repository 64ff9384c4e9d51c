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

describe.each(Object.entries(environments))('%s', (_name, environment) => {
  test.each(transportContract.map(({ name, run }) => [name, run] as const))('%s', async (_rule, run) => {
    await run(environment())
  })
})
