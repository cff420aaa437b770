using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using ModelFs.Testing;

namespace ModelFs.Benchmarks.Reading;

internal static class Patterns
{
    private const int Page = 4096;
    private const int MostHeader = 100 << 20; // as safetensors has it

    /// <param name="number">Of the thread, from 0.</param>
    public static void Read(ReadOrder order, List<OpenedFile> files, int number, Tally tally)
    {
        var buffer = new byte[order.Block];
        switch (order.Pattern)
        {
            case ReadPattern.Open:
                break;
            case ReadPattern.Random or ReadPattern.MappedRandom:
                AtRandom(order, files[number % files.Count], number, buffer, tally);
                break;
            default:
                // One thread takes all files; several take every so-manieth.
                for (var i = number; i < files.Count; i += order.Threads)
                    Whole(order, files[i], buffer, tally);
                break;
        }
    }

    private static void Whole(ReadOrder order, OpenedFile file, byte[] buffer, Tally tally)
    {
        switch (order.Pattern)
        {
            case ReadPattern.Mapped:
                Mapped(file, (view, clock) => Copy(view, 0, file.Length, buffer, clock), tally);
                break;
            case ReadPattern.Load:
                Mapped(file, (view, clock) => Load(file, view, buffer, clock), tally);
                break;
            case ReadPattern.Verify:
                Verify(file, buffer, (ulong)order.Seed);
                break;
            default:
                var clock = new Clock();
                for (long offset = 0; offset < file.Length;)
                {
                    var start = Stopwatch.GetTimestamp();
                    offset += file.Read(buffer, buffer.Length, offset) is var read && read > 0 ? read : throw Ended(file, offset);
                    clock.Took(start);
                }

                tally.Add(file.Length, clock.Slowest, null);
                break;
        }
    }

    private static void AtRandom(ReadOrder order, OpenedFile file, int number, byte[] buffer, Tally tally)
    {
        var random = new Random(order.Seed + number);
        var unit = order.Pattern == ReadPattern.MappedRandom ? Page : buffer.Length;
        var places = file.Length / unit;
        var clock = new Clock();
        var reads = new double[order.Count];
        using var view = order.Pattern == ReadPattern.MappedRandom ? file.Map() : null;
        for (var i = 0; i < order.Count; i++)
        {
            var offset = random.NextInt64(places) * unit;
            var start = Stopwatch.GetTimestamp();
            if (view is not null)
                view.ReadByte(offset);
            else if (file.Read(buffer, buffer.Length, offset) != buffer.Length)
                throw Ended(file, offset);
            reads[i] = clock.Took(start);
        }

        tally.Add((long)order.Count * unit, clock.Slowest, reads);
    }

    private static void Mapped(OpenedFile file, Func<MemoryMappedViewAccessor, Clock, long> read, Tally tally)
    {
        var clock = new Clock();
        using var view = file.Map();
        tally.Add(read(view, clock), clock.Slowest, null);
    }

    private static long Copy(MemoryMappedViewAccessor view, long from, long end, byte[] buffer, Clock clock)
    {
        for (var offset = from; offset < end; offset += buffer.Length)
        {
            var start = Stopwatch.GetTimestamp();
            view.SafeMemoryMappedViewHandle.ReadSpan((ulong)offset, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)));
            clock.Took(start);
        }

        return end - from;
    }

    private static long Load(OpenedFile file, MemoryMappedViewAccessor view, byte[] buffer, Clock clock)
    {
        var word = new byte[8];
        file.Read(word, word.Length, 0);
        var length = BinaryPrimitives.ReadInt64LittleEndian(word);
        if (length is <= 0 or > MostHeader || length > file.Length - 8)
            throw new InvalidDataException($"{file.Path} is no safetensors file");
        var header = new byte[length];
        file.Read(header, header.Length, 8);
        var bytes = 8 + length;
        foreach (var (begin, end) in Safetensors.Tensors(header))
            bytes += Copy(view, 8 + length + begin, 8 + length + end, buffer, clock);
        return bytes;
    }

    private static void Verify(OpenedFile file, byte[] buffer, ulong seed)
    {
        var expected = new byte[buffer.Length];
        for (long offset = 0; offset < file.Length; offset += buffer.Length)
        {
            var read = file.Read(buffer, buffer.Length, offset);
            FormulaContent.Fill(expected.AsSpan(0, read), offset, seed);
            if (read == 0 || !buffer.AsSpan(0, read).SequenceEqual(expected.AsSpan(0, read)))
                throw new InvalidDataException($"{file.Path} has wrong bytes between {offset} and {offset + read}");
        }
    }

    private static IOException Ended(OpenedFile file, long offset) => new($"{file.Path} ends at {offset}, before its length of {file.Length}");

    private sealed class Clock
    {
        public double Slowest { get; private set; }

        public double Took(long start)
        {
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Slowest = Math.Max(Slowest, seconds);
            return seconds;
        }
    }
}
