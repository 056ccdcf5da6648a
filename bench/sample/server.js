// A rewrite of what Zoom's sample "webhook-to-postgres" does: verify, INSERT,
// answer. Like the sample, it verifies the body after parsing and serializing it
// again, and stores three fields.
//
//   ANSWER=before   answers 200, then inserts, like the sample
//   ANSWER=after    answers after the row is stored
import { createHmac } from "node:crypto";
import express from "express";
import pg from "pg";

const secret = process.env.ZOOM_WEBHOOK_SECRET_TOKEN;
const before = process.env.ANSWER === "before";
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

await pool.query(`CREATE TABLE IF NOT EXISTS events
  (id SERIAL PRIMARY KEY, name VARCHAR(30), accountid VARCHAR(30), meetingid BIGINT)`);

const app = express();
app.use(express.json());

app.post("/webhook", async (req, res) => {
  const message = `v0:${req.headers["x-zm-request-timestamp"]}:${JSON.stringify(req.body)}`;
  const signature = `v0=${createHmac("sha256", secret).update(message).digest("hex")}`;
  if (req.headers["x-zm-signature"] !== signature) {
    res.status(401).json({ message: "Unauthorized request" });
    return;
  }
  const { event, payload } = req.body;
  if (before) {
    res.status(200).json({ message: "Authorized request" });
  }
  try {
    await pool.query("INSERT INTO events (name, accountid, meetingid) VALUES ($1, $2, $3)",
      [event, payload.account_id, payload.object.id]);
    if (!before) {
      res.status(200).json({ message: "Authorized request" });
    }
  } catch (err) {
    if (before) {
      throw err; // ends the process, like the sample
    }
    res.status(503).json({ message: "Not stored" });
  }
});

const [host, port] = process.env.ADDR.split(":");
app.listen(Number(port), host);
