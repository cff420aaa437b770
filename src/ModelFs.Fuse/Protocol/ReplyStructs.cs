using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelFs.Fuse.Protocol;

// The kernel's structures as they lie in a reply. The kernel refuses a reply whose length is not exactly what it expects,
// so these carry every byte, reserved ones included; the sizes are asserted by a test.

[StructLayout(LayoutKind.Sequential)]
internal struct OutHeader
{
    public const int Size = 16;

    public uint Length;
    public int Error;
    public ulong Unique;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InitOut
{
    public uint Major;
    public uint Minor;
    public uint MaxReadAhead;
    public uint Flags;
    public ushort MaxBackground;
    public ushort CongestionThreshold;
    public uint MaxWrite;
    public uint TimeGranularity;
    public ushort MaxPages;
    public ushort MapAlignment;
    public uint Flags2;
    public uint MaxStackDepth;
    public ushort RequestTimeout;
    public Reserved11 Unused;

    [InlineArray(11)]
    public struct Reserved11
    {
        private ushort first;
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct Attr
{
    public ulong Inode;
    public ulong Size;
    public ulong Blocks;
    public ulong ATime;
    public ulong MTime;
    public ulong CTime;
    public uint ATimeNanoseconds;
    public uint MTimeNanoseconds;
    public uint CTimeNanoseconds;
    public uint Mode;
    public uint Links;
    public uint Uid;
    public uint Gid;
    public uint Device;
    public uint BlockSize;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EntryOut
{
    public ulong Node;
    public ulong Generation;
    public ulong EntryValid;
    public ulong AttrValid;
    public uint EntryValidNanoseconds;
    public uint AttrValidNanoseconds;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AttrOut
{
    public ulong Valid;
    public uint ValidNanoseconds;
    public uint Padding;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StatXTime
{
    public long Seconds;
    public uint Nanoseconds;
    public int Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StatXOut
{
    public ulong Valid;
    public uint ValidNanoseconds;
    public uint Flags;
    public ulong Spare0;
    public ulong Spare1;
    public uint Mask;
    public uint BlockSize;
    public ulong Attributes;
    public uint Links;
    public uint Uid;
    public uint Gid;
    public ushort Mode;
    public ushort Spare2;
    public ulong Inode;
    public ulong Size;
    public ulong Blocks;
    public ulong AttributesMask;
    public StatXTime ATime;
    public StatXTime BTime;
    public StatXTime CTime;
    public StatXTime MTime;
    public ulong RDevice;
    public ulong Device;
    public Reserved14 Spare3;

    [InlineArray(14)]
    public struct Reserved14
    {
        private ulong first;
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenOut
{
    public ulong Handle;
    public uint Flags;
    public int BackingId;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StatFsOut
{
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
    public ulong Files;
    public ulong FreeFiles;
    public uint BlockSize;
    public uint NameLength;
    public uint FragmentSize;
    public uint Padding;
    public Reserved6 Spare;

    [InlineArray(6)]
    public struct Reserved6
    {
        private uint first;
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct GetXAttrOut
{
    public uint Size;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LSeekOut
{
    public ulong Offset;
}

/// <summary>The name follows, padded with zeros to a multiple of 8.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DirEntry
{
    public const int Size = 24;

    public ulong Inode;
    public ulong NextOffset;
    public uint NameLength;
    public uint Type;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InvalidateInodeOut
{
    public ulong Node;
    public long Offset;
    public long Length;
}

/// <summary>The name follows, ended by a zero byte that the length does not count.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InvalidateEntryOut
{
    public ulong Parent;
    public uint NameLength;
    public uint Flags;
}
