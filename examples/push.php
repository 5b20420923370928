#!/usr/bin/env php
<?php
// Pushes one entry for Gordon, with the extension phpredis.
//
//   php push.php TYPE [ARGUMENT...]
//
// REDIS_ADDRESS is host:port or the absolute path of a unix socket, QUEUE_KEY is
// the queue_key of gordon.toml. Prints how many entries now wait.

declare(strict_types=1);

/**
 * Pushes an entry and returns how many now wait.
 *
 * The connection must have no Redis::OPT_SERIALIZER: it would put more around
 * the JSON than Gordon reads.
 *
 * @param string[]              $args arguments of the script, in order
 * @param array<string, string> $env  variables for its environment
 */
function push(Redis $redis, string $list, array $args = [], array $env = []): int
{
    $entry = ['args' => array_map(strval(...), array_values($args))];
    if ($env) { // an empty array would become [] in JSON
        $entry['env'] = array_map(strval(...), $env);
    }
    $waiting = $redis->rPush($list, json_encode($entry, JSON_THROW_ON_ERROR));
    if ($waiting === false) {
        throw new RedisException('the entry was not pushed: ' . $redis->getLastError());
    }
    return $waiting;
}

function connect(string $address): Redis
{
    $redis = new Redis();
    if ($address[0] === '/') {
        $redis->connect($address);
    } else {
        $colon = strrpos($address, ':');
        $redis->connect(substr($address, 0, $colon), (int) substr($address, $colon + 1));
    }
    return $redis;
}

if ($argc < 2) {
    fwrite(STDERR, "usage: push.php TYPE [ARGUMENT...]\n");
    exit(2);
}
$redis = connect(getenv('REDIS_ADDRESS') ?: '127.0.0.1:6379');
$list = (getenv('QUEUE_KEY') ?: 'taskqueue') . ':' . $argv[1];
echo push($redis, $list, array_slice($argv, 2)), "\n";
