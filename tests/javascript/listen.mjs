// Listens to a stream as any page does, and writes each event as a line: its type, its id, its data.
// listen.mjs ADDRESS KEY COUNT [LAST_EVENT_ID]: ends after so many events.
import { EventSource } from 'eventsource'

const [address, key, count, lastEventId] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${key}`, ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}) }
const source = new EventSource(address, {
  fetch: (url, init) => fetch(url, { ...init, headers: { ...headers, ...init.headers } }),
})
let left = Number(count)

const told = (event) => {
  console.log(JSON.stringify([event.type, event.lastEventId, JSON.parse(event.data)]))
  left -= 1
  if (left === 0) source.close()
}
for (const type of ['alert', 'removed', 'reset']) source.addEventListener(type, told)
source.addEventListener('open', () => console.log(JSON.stringify(['open'])))
source.addEventListener('error', (event) => console.log(JSON.stringify(['error', event.code ?? null])))
