// Reads payloads as lines of hexadecimal, writes what the npm package sparkplug-payload makes of each as a line of JSON.
// NODE_PATH names the folder of the package.
const { decodePayload } = require("sparkplug-payload/lib/sparkplugbpayload");

const plain = (_, value) => (value && typeof value === "object" && "low" in value && "unsigned" in value ? Number(value.toString()) : value);

for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  console.log(JSON.stringify(decodePayload(Buffer.from(line, "hex")), plain));
}
