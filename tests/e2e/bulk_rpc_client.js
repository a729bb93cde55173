// Uploads to bulk-rpc with @grpc/grpc-js: node bulk_rpc_client.js ADDRESS BYTES. Prints what the
// unary and the streamed upload were answered, in hex, without the echo.
'use strict';
const grpc = require('@grpc/grpc-js');
const [address, bytes] = [ process.argv[2], Number(process.argv[3]) ];

function varint(number) {
    const digits = [];
    for (; number >= 0x80; number = Math.floor(number / 0x80))
        digits.push(number % 0x80 | 0x80);
    return Buffer.from([...digits, number ]);
}

const chunk = data => Buffer.concat([ Buffer.from([ 0x0a ]), varint(data.length), data ]);
const same = buffer => buffer;
const unlimited = {
    'grpc.max_send_message_length' : -1,
    'grpc.max_receive_message_length' : -1
};
const client = new grpc.Client(address, grpc.credentials.createInsecure(), unlimited);
const whole = Buffer.alloc(bytes, 7);

function finish(error, reply) {
    if (error)
        throw error;
    console.log(reply.subarray(0, 16).toString('hex'));
}

client.makeUnaryRequest('/bulk.v1.Bulk/Upload', same, same, chunk(whole), (error, reply) => {
    finish(error, reply);
    const call = client.makeClientStreamRequest('/bulk.v1.Bulk/UploadStream', same, same,
                                                (failure, last) => {
                                                    finish(failure, last);
                                                    client.close();
                                                });
    for (let at = 0; at < bytes; at += 100000)
        call.write(chunk(whole.subarray(at, at + 100000)));
    call.end();
});
