// Prints the sources of the addon, one per line, for binding.gyp.
import { readdirSync } from 'node:fs'

for (const layer of ['core', 'io', 'binding']) {
  const files = readdirSync(new URL(`../native/${layer}/`, import.meta.url))
  for (const file of files.filter((name) => name.endsWith('.cc')).sort()) console.log(`native/${layer}/${file}`)
}
