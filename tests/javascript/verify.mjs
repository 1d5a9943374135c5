// Verifies a webhook as its receiver would: a JSON object {secret, headers, body} on standard input; says what was in it.
import { Webhook } from 'standardwebhooks'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
for (const { secret, headers, body } of JSON.parse(Buffer.concat(chunks).toString())) {
  try {
    console.log(JSON.stringify(new Webhook(secret).verify(body, headers)))
  } catch (error) {
    console.log(JSON.stringify(error.message))
  }
}
