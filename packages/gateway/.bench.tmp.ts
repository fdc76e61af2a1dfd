import { createServer, request } from 'node:http';
import { Hono } from 'hono';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
const N = 200_000;
const pre='data: {"id":"chatcmpl-abcdefghijklmnop","object":"chat.completion.chunk","created":1700000000,"model":"llama-3:Q4_0","system_fingerprint":"pippa-0.1.0","choices":[{"index":0,"delta":{"content":';
const post='},"logprobs":null,"finish_reason":null}]}\n\n';
// producer: one event per macrotask (setImmediate), or batch of 8 per macrotask as with 8 streams
async function* tokens(){ for(let i=0;i<N;i++){ await new Promise(r=>setImmediate(r)); yield 'tok'+i; } }
const app = new Hono<any>();
app.get('/raw', async (c)=>{ const out=c.env.outgoing; out.writeHead(200,{'content-type':'text/event-stream'});
  for await (const t of tokens()){ if(!out.write(pre+JSON.stringify(t)+post)) await new Promise(r=>out.once('drain',r)); } out.end(); return RESPONSE_ALREADY_SENT;});
app.get('/buf', async (c)=>{ const out=c.env.outgoing; out.writeHead(200,{'content-type':'text/event-stream'});
  for await (const t of tokens()){ if(!out.write(Buffer.from(pre+JSON.stringify(t)+post))) await new Promise(r=>out.once('drain',r)); } out.end(); return RESPONSE_ALREADY_SENT;});
app.get('/latin', async (c)=>{ const out=c.env.outgoing; out.writeHead(200,{'content-type':'text/event-stream'});
  for await (const t of tokens()){ if(!out.write(pre+JSON.stringify(t)+post,'latin1')) await new Promise(r=>out.once('drain',r)); } out.end(); return RESPONSE_ALREADY_SENT;});
app.get('/sock', async (c)=>{ const out=c.env.outgoing; out.writeHead(200,{'content-type':'text/event-stream'}); out.flushHeaders(); const s=out.socket;
  for await (const t of tokens()){ const d=pre+JSON.stringify(t)+post; if(!s.write(d.length.toString(16)+'\r\n'+d+'\r\n','latin1')) await new Promise(r=>s.once('drain',r)); } out.end(); return RESPONSE_ALREADY_SENT;});
app.get('/none', async (c)=>{ const out=c.env.outgoing; out.writeHead(200,{'content-type':'text/event-stream'});let x=0;
  for await (const t of tokens()){ x+=(pre+JSON.stringify(t)+post).length } out.end(''+x); return RESPONSE_ALREADY_SENT;});
app.get('/rs', (c)=>{ const enc=new TextEncoder(); const it=tokens(); return new Response(new ReadableStream({ async pull(ctl){ const r=await it.next(); if(r.done) ctl.close(); else ctl.enqueue(enc.encode(pre+JSON.stringify(r.value)+post)); }}),{headers:{'content-type':'text/event-stream'}});});
const server=createServer(getRequestListener(app.fetch,{overrideGlobalObjects:false}));
server.listen(0,'127.0.0.1',async()=>{
  const port=(server.address() as any).port;
  if (process.argv[2]==='serve'){ console.log(port); return; }
});
process.on('message',()=>{});
(globalThis as any).x=0;
if(process.argv[2]!=='serve'){
 const {spawn}=await import('node:child_process');
 await new Promise(r=>setTimeout(r,100));
 const port=(server.address() as any).port;
 for(const p of ['none','raw','buf','latin','sock','rs','none','raw','buf','latin','sock','rs']){
  const c0=process.cpuUsage(); const t0=performance.now();
  await new Promise<void>(r=>{const ch=spawn('curl',['-sN','-o','/dev/null',`http://127.0.0.1:${port}/${p}`]);ch.on('exit',()=>r());});
  const c=process.cpuUsage(c0); console.log(p,'wall us/token',((performance.now()-t0)*1000/N).toFixed(2),'cpu us/token',((c.user+c.system)/N).toFixed(2));
 }
 process.exit(0);
}
