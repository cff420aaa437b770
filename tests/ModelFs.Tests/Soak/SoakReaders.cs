using System.Diagnostics;
using ModelFs.Testing;

namespace ModelFs.Tests.Soak;

/// <summary>A process whose threads read files of a mount, front to back, here and there and out of mappings, and compare them with their originals.</summary>
/// <remarks>Another process, because whoever maps a file of a mount that dies gets SIGBUS.</remarks>
internal sealed class SoakReaders : IDisposable
{
    // Each file has two paths: in the mount, and as it should be.
    private const string Script = """
        import mmap, os, random, sys, threading, time
        seed, pairs = int(sys.argv[1]), [a.split('\t') for a in sys.argv[2:]]
        out, answer = threading.Lock(), threading.Semaphore(0)
        def say(line):
            with out:
                sys.stdout.write(line + '\n')
                sys.stdout.flush()
        def compare(got, original, offset, length, path):
            with open(original, 'rb') as f:
                if os.pread(f.fileno(), length, offset) != got:
                    say(f'wrong: {path} {offset}+{length}, got {len(got)}')
        # Whoever reads from a mount that dies gets what was in memory, and the error with the next read.
        def read(fd, length, offset):
            got = b''
            while len(got) < length and (more := os.pread(fd, length - len(got), offset + len(got))):
                got += more
            return got
        def whole(fd, path, original):
            offset, size = 0, os.stat(original).st_size
            while offset < size:
                length = min(1 << 20, size - offset)
                compare(read(fd, length, offset), original, offset, length, path)
                offset += 1 << 20
        def sequential(path, original, rnd):
            with open(path, 'rb') as f:
                whole(f.fileno(), path, original)
        def here_and_there(path, original, rnd):
            with open(path, 'rb') as f:
                size = os.stat(original).st_size
                for _ in range(12):
                    offset = rnd.randrange(size)
                    length = min(rnd.randrange(1, 300000), size - offset)
                    compare(read(f.fileno(), length, offset), original, offset, length, path)
        def mapped(path, original, rnd):
            with open(path, 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
                for _ in range(12):
                    offset = rnd.randrange(len(m))
                    length = min(rnd.randrange(1, 300000), len(m) - offset)
                    compare(m[offset:offset + length], original, offset, length, path)
        def held(path, original, rnd):
            with open(path, 'rb') as f:
                whole(f.fileno(), path, original)
                for _ in range(40):
                    if os.getxattr(path, 'user.modelfs.mode') in (b'sealed', b'passthrough'):
                        say('hold: ' + original)
                        time.sleep(rnd.random() / 2)
                        say('drop: ' + original)
                        answer.acquire()
                        break
                    time.sleep(0.05)
        def loop(way, number):
            rnd = random.Random(seed * 10 + number)
            while True:
                path, original = rnd.choice(pairs)
                try:
                    way(path, original, rnd)
                except OSError as e:
                    say(f'error: {way.__name__} {path}: {e}')
                    return
        if seed < 0:
            for path, original in pairs:
                sequential(path, original, None)
            say('done')
            sys.exit()
        threads = [threading.Thread(target=loop, args=(w, i), daemon=True) for i, w in enumerate([sequential, here_and_there, mapped, held])]
        for t in threads:
            t.start()
        for line in sys.stdin:
            answer.release()
        """;

    private readonly Process process;
    private readonly Lock gate = new();
    private readonly HashSet<string> held = [];
    private readonly List<string> faults = [];
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool isDone;
    private bool isKilled;

    private SoakReaders(int seed, IEnumerable<SoakFile> files)
    {
        DebianPackages.Require("python3");
        process = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", Script, $"{seed}", .. files.Select(f => $"{f.Path}\t{f.Original}")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.BeginOutputReadLine();
    }

    /// <summary>Bytes that were not as they should be, and errors from before the kill.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (gate)
                return [.. faults];
        }
    }

    /// <summary>Reads without end, at random.</summary>
    public static SoakReaders Start(int seed, IEnumerable<SoakFile> files) => new(seed, files);

    /// <summary>Reads each file whole, once.</summary>
    public static async Task<IReadOnlyList<string>> ReadAllAsync(IReadOnlyCollection<SoakFile> files)
    {
        using var readers = new SoakReaders(-1, files);
        await readers.ended.Task.WaitAsync(TimeSpan.FromMinutes(2));
        return readers.isDone ? readers.Faults : [.. readers.Faults, "a reader died"];
    }

    /// <summary>Kills the daemon at a moment in which no file changes between open and closed.</summary>
    /// <returns>The originals of files that were open and said to be complete.</returns>
    public IReadOnlyList<string> Kill(Action kill)
    {
        lock (gate)
        {
            if (process.HasExited)
                faults.Add($"the readers died with {process.ExitCode}");
            isKilled = true;
            kill();
            return [.. held];
        }
    }

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit(TimeSpan.FromMinutes(1));
        process.Dispose();
    }

    private void Hear(string? line)
    {
        lock (gate)
        {
            switch (line?.Split(": ", 2))
            {
                case null:
                    ended.TrySetResult();
                    break;
                case ["hold", var original]:
                    held.Add(original);
                    break;
                case ["drop", var original] when !isKilled:
                    held.Remove(original);
                    process.StandardInput.WriteLine();
                    break;
                case ["done"]:
                    isDone = true;
                    break;
                case ["wrong", ..]:
                case ["error", ..] when !isKilled:
                    faults.Add(line);
                    break;
            }
        }
    }
}

/// <summary>A file of the mount, and the same file as the origin has it.</summary>
internal sealed record SoakFile(string Path, string Original)
{
    /// <summary>No two files that a soak reads have the same: so an object is known by its size.</summary>
    public long Size { get; } = new FileInfo(Original).Length;
}
