using System.Diagnostics;
using System.Security.Cryptography;

namespace ModelFs.Demo;

/// <summary>Reads files as a program would.</summary>
/// <remarks>Each call has a thread of its own, so that a mount that hangs costs a time limit and not the thread pool.</remarks>
internal static class DemoReader
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task<T> RunAsync<T>(Func<T> read, CancellationToken cancellation)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                result.SetResult(read());
            }
            catch (Exception e)
            {
                result.SetException(e);
            }
        }) { IsBackground = true, Name = "demo reader" };
        thread.Start();
        try
        {
            return await result.Task.WaitAsync(Limit, cancellation);
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            throw new DemoFailedException(e is TimeoutException ? $"the mount did not answer within {Limit.TotalSeconds:0} s" : e.Message);
        }
    }

    /// <summary>Without a buffer: each read is a system call, of the size that it says.</summary>
    public static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);

    /// <summary>Whether <paramref name="length"/> bytes at an offset of the weights are as their formula says.</summary>
    public static bool WeightsAreRight(FileStream file, long offset, int length)
    {
        var (found, expected) = (new byte[length], new byte[length]);
        file.Position = offset;
        file.ReadExactly(found);
        DemoStore.FillWeights(offset, expected);
        return found.AsSpan().SequenceEqual(expected);
    }

    /// <summary>Reads a file from end to end in pieces of 1 MiB.</summary>
    public static TimeSpan ReadWhole(string path)
    {
        var buffer = new byte[1 << 20];
        var start = Stopwatch.GetTimestamp();
        using var file = Open(path);
        while (file.Read(buffer) > 0)
        {
        }

        return Stopwatch.GetElapsedTime(start);
    }

    public static string Sha256(string path)
    {
        using var file = Open(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
