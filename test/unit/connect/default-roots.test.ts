import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defaultRoots, RootStore } from '../../../src/connect/default-roots.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url))

describe('RootStore', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('asks Node where Node knows, each time, and hashes only what has changed', () => {
    let roots = ['A']
    const store = new RootStore({ rootCertificates: ['bundled'], getCACertificates: () => roots }, fixture('ca.pem'))
    const first = store.get()
    expect(first.pem).toEqual(['A'])
    expect(store.get()).toBe(first)
    roots = ['A', 'B']
    expect(store.get().pem).toEqual(['A', 'B'])
    const second = store.get()
    roots = ['AB']
    expect(new Set([first, second, store.get()].map(({ digest }) => digest)).size).toBe(3)
  })

  it('adds NODE_EXTRA_CA_CERTS to the bundled ones elsewhere, once', () => {
    const store = new RootStore({ rootCertificates: ['bundled'] }, fixture('ca.pem'))
    expect(store.get().pem).toEqual(['bundled', expect.stringContaining('-----BEGIN CERTIFICATE-----')])
    expect(store.get()).toBe(store.get())
    expect(new RootStore({ rootCertificates: ['bundled'] }, undefined).get().pem).toEqual(['bundled'])
    expect(new RootStore({ rootCertificates: ['bundled'] }, '').get().pem).toEqual(['bundled'])
  })

  it.each([
    ['no-such-file.pem', /cannot be read: ENOENT/],
    ['README.md', /holds no PEM certificate/],
  ])('warns once about %s, and goes on', (name, warning) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const store = new RootStore({ rootCertificates: ['bundled'] }, fixture(name))
    expect(store.get().pem).toEqual(['bundled'])
    store.get()
    expect(warn.mock.calls).toEqual([[expect.stringMatching(warning)]])
  })
})

it('trusts what this Node trusts', () => {
  const { pem } = defaultRoots()
  expect(pem.length).toBeGreaterThan(50)
  expect(pem[0]).toContain('-----BEGIN CERTIFICATE-----')
  expect(defaultRoots()).toBe(defaultRoots())
})
