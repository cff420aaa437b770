using System.Runtime.InteropServices;

namespace ModelFs.Fuse.Protocol;

// The kernel's structures as they lie in a request, each field at its own alignment: no padding is implied anywhere.
// Only what is read has a name of its own; a trailing field that nobody reads is left out where the kernel's struct ends in it
// and counted in the comment, because a request may be longer than what is parsed, never shorter.

[StructLayout(LayoutKind.Sequential)]
internal struct InHeader
{
    public const int Size = 40;

    public uint Length;
    public FuseOpcode Opcode;
    public ulong Unique;
    public ulong Node;
    public uint Uid;
    public uint Gid;
    public uint Pid;
    public ushort ExtensionLength;
    public ushort Padding;
}

/// <summary>All of it before protocol 7.36. Since then flags2 follows, if INIT_EXT says so, and 44 reserved bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InitIn
{
    public uint Major;
    public uint Minor;
    public uint MaxReadAhead;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ForgetIn
{
    public ulong Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BatchForgetIn
{
    public uint Count;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ForgetOne
{
    public ulong Node;
    public ulong Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GetAttrIn
{
    public uint Flags;
    public uint Padding;
    public ulong Handle;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StatXIn
{
    public uint AttributeFlags;
    public uint Reserved;
    public ulong Handle;
    public uint Flags;
    public uint Mask;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenIn
{
    public uint Flags;
    public uint OpenFlags;
}

/// <summary>READ, READDIR and READDIRPLUS.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ReadIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Size;
    public uint ReadFlags;
    public ulong LockOwner;
    public uint Flags;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReleaseIn
{
    public ulong Handle;
    public uint Flags;
    public uint ReleaseFlags;
    public ulong LockOwner;
}

/// <summary>GETXATTR (a name follows) and LISTXATTR.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GetXAttrIn
{
    public uint Size;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AccessIn
{
    public uint Mask;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LSeekIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Whence;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InterruptIn
{
    public ulong Unique;
}
