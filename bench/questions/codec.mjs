export const question = { name: 'codec', summary: 'x', prepare: () => ({ cases: [] }) }
