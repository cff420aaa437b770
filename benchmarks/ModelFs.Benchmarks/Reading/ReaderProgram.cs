using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Benchmarks.Reading;

/// <summary>
/// The process that reads, the same one for whatever is compared: it is started before the clock is, takes orders by standard input,
/// and measures itself. The end of its input ends it.
/// </summary>
internal static class ReaderProgram
{
    private const int ReadsReported = 256;

    private static readonly Dictionary<string, SafeFileHandle> Kept = [];

    public static int Run(TextReader orders, TextWriter reports)
    {
        reports.WriteLine("ready");
        reports.Flush();
        while (orders.ReadLine() is { } line)
        {
            reports.WriteLine(ReadJson.Line(Follow(ReadJson.Order(line))));
            reports.Flush();
        }

        return 0;
    }

    private static ReadReport Follow(ReadOrder order)
    {
        var opened = new List<SafeFileHandle>();
        try
        {
            var cpu = Environment.CpuUsage.TotalTime;
            var start = Stopwatch.GetTimestamp();
            var files = order.Paths.Select(path => new OpenedFile(path, Find(order, path, opened))).ToList();
            var open = Stopwatch.GetElapsedTime(start);
            if (order.Forget)
                foreach (var file in files)
                    _ = Linux.Advise(file.Descriptor, 0, 0, Linux.DontNeed);
            var tally = new Tally(order.Count is > 0 and <= ReadsReported);
            start = Stopwatch.GetTimestamp();
            InThreads(order, files, tally);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return new(open.TotalSeconds, seconds, tally.Bytes, tally.Slowest, tally.Reads, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return new(0, 0, 0, 0, null, 0, e.Message);
        }
        finally
        {
            opened.ForEach(handle => handle.Dispose());
        }
    }

    private static SafeFileHandle Find(ReadOrder order, string path, List<SafeFileHandle> opened)
    {
        if (Kept.TryGetValue(path, out var kept))
            return kept;
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (order.Pattern == ReadPattern.Open)
            Kept.Add(path, handle);
        else
            opened.Add(handle);
        return handle;
    }

    private static void InThreads(ReadOrder order, List<OpenedFile> files, Tally tally)
    {
        if (order.Threads == 1)
        {
            Patterns.Read(order, files, 0, tally);
            return;
        }

        Exception? failure = null;
        var threads = Enumerable.Range(0, order.Threads).Select(number => new Thread(() =>
        {
            try
            {
                Patterns.Read(order, files, number, tally);
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                failure = e;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        if (failure is not null)
            throw failure;
    }
}
