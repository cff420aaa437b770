using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>Names the checkpoint to start from, with a checksum of every page of the log that belongs to it.</summary>
/// <remarks>
/// FASTER follows addresses in the log without doubt: one flipped bit in a record's header can send it round in circles. So the log is compared
/// with this file before FASTER sees it, and a log that differs anywhere is not used. Written last, by rename: until then the former counts.
/// </remarks>
internal sealed record IndexManifest(Guid Token, long Begin, long Tail, uint TokenCheck, IReadOnlyList<uint> Pages)
{
    public const int PageSize = 256 * 1024;
    public const int SegmentSize = 16 * 1024 * 1024;

    /// <summary>The layout of <see cref="IndexValue"/> and of this file. Another one is put aside, not misread.</summary>
    private const ulong Magic = 0x0002_58444953464D; // "MFSIDX", version 2: a record is a group of blocks

    private const int HeaderSize = 8 + 16 + 8 + 8 + 4 + 4;

    public static string LogPath(string directory) => Path.Combine(directory, "log");

    /// <summary>Where FASTER keeps what it must know of its checkpoints, a directory each.</summary>
    public static string TokensDirectory(string directory) => Path.Combine(directory, "cpr-checkpoints");

    public static string TokenFile(string directory, Guid token) => Path.Combine(TokensDirectory(directory), token.ToString(), "info.dat.0");

    /// <summary>The checksums of the pages of <c>[begin, tail)</c>; those that were full are taken from the former manifest.</summary>
    /// <exception cref="IOException">A page cannot be read in full.</exception>
    public static IndexManifest Describe(string directory, IndexCheckpoint checkpoint, IndexManifest? former)
    {
        var (token, begin, tail) = checkpoint;
        using var log = new PageReader(directory);
        var pages = new List<uint>();
        for (long p = begin / PageSize; p * PageSize < tail; p++)
        {
            // The first page may have been cut anew, the last of the former one was not full: both are read again.
            int known = former is null ? -1 : (int)(p - former.Begin / PageSize);
            bool same = known >= 0 && former!.Begin <= p * PageSize && begin <= p * PageSize && (p + 1) * PageSize <= former.Tail;
            pages.Add(same ? former!.Pages[known] : log.Check(p, begin, tail));
        }

        return new IndexManifest(token, begin, tail, CheckToken(directory, token), pages);
    }

    /// <exception cref="IOException">The files are not what this manifest says.</exception>
    public void Verify(string directory)
    {
        if (CheckToken(directory, Token) != TokenCheck)
            throw new InvalidDataException($"checkpoint {Token} is damaged");
        using var log = new PageReader(directory);
        long first = Begin / PageSize;
        for (int i = 0; i < Pages.Count; i++)
        {
            if (log.Check(first + i, Begin, Tail) != Pages[i])
                throw new InvalidDataException($"page {first + i} of the index log is damaged");
        }
    }

    /// <returns>Null when there is none.</returns>
    /// <exception cref="InvalidDataException">It is damaged, or of another version.</exception>
    public static IndexManifest? Read(string directory)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(FilePath(directory));
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        if (bytes.Length < HeaderSize + 4 || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
            throw new InvalidDataException("the index's manifest is of an unknown version");
        if (BlockChecksum.Small(bytes.AsSpan(..^4)) != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(^4..)))
            throw new InvalidDataException("the index's manifest is damaged");
        var header = bytes.AsSpan();
        int count = BinaryPrimitives.ReadInt32LittleEndian(header[44..]);
        var pages = new uint[count];
        for (int i = 0; i < count; i++)
            pages[i] = BinaryPrimitives.ReadUInt32LittleEndian(header[(HeaderSize + i * 4)..]);
        return new IndexManifest(
            new Guid(header[8..24]),
            BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[40..]),
            pages);
    }

    public void Write(string directory)
    {
        byte[] bytes = new byte[HeaderSize + Pages.Count * 4 + 4];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt64LittleEndian(span, Magic);
        Token.TryWriteBytes(span[8..]);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], Begin);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], Tail);
        BinaryPrimitives.WriteUInt32LittleEndian(span[40..], TokenCheck);
        BinaryPrimitives.WriteInt32LittleEndian(span[44..], Pages.Count);
        for (int i = 0; i < Pages.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(span[(HeaderSize + i * 4)..], Pages[i]);
        BinaryPrimitives.WriteUInt32LittleEndian(span[^4..], BlockChecksum.Small(span[..^4]));
        DurableFile.Replace(FilePath(directory), bytes);
    }

    private static string FilePath(string directory) => Path.Combine(directory, "manifest");

    private static uint CheckToken(string directory, Guid token) =>
        BlockChecksum.Small(File.ReadAllBytes(TokenFile(directory, token)));

    /// <summary>Reads the log page by page. Keeps its file open, for the kernel to read ahead.</summary>
    private sealed class PageReader(string directory) : IDisposable
    {
        private readonly byte[] page = new byte[PageSize];
        private SafeFileHandle? file;
        private int segment = -1;

        public uint Check(long number, long begin, long tail)
        {
            long from = Math.Max(number * PageSize, begin), to = Math.Min((number + 1) * PageSize, tail);
            var span = page.AsSpan(0, (int)(to - from));
            var opened = Open((int)(from / SegmentSize));
            for (int done = 0; done < span.Length;)
            {
                int n = RandomAccess.Read(opened, span[done..], from % SegmentSize + done);
                if (n == 0)
                    throw new InvalidDataException("the index log is shorter than its manifest says");
                done += n;
            }

            ulong check = BlockChecksum.Compute(span);
            return (uint)(check >> 32) ^ (uint)check;
        }

        public void Dispose() => file?.Dispose();

        private SafeFileHandle Open(int number)
        {
            if (file is null || segment != number)
            {
                file?.Dispose();
                file = File.OpenHandle(
                    IndexFiles.SegmentPath(LogPath(directory), number), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
                segment = number;
            }

            return file;
        }
    }
}
