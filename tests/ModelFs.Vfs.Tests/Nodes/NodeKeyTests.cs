using FsCheck;
using FsCheck.Fluent;
using ModelFs.Vfs.Nodes;

namespace ModelFs.Vfs.Tests.Nodes;

public sealed class NodeKeyTests
{
    [Fact]
    public void A_key_comes_back_from_its_bytes()
    {
        var key = new NodeKey(NodeKind.Content, "MLFLOW", "ünïcode-模型", "12", new DateTimeOffset(2025, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), (UInt128)1 << 100);
        Assert.True(NodeKey.TryDecode(key.Encode(), out var back));
        Assert.Equal(key, back);
    }

    /// <summary>They lie on disk for ever: this must not change.</summary>
    [Fact]
    public void The_bytes_of_a_key_are_these()
    {
        var key = new NodeKey(NodeKind.Version, "R", "m", "1", DateTimeOffset.UnixEpoch);
        Assert.Equal("040080B5F7F57F9F0800000000000000000000000000000000" + "010052" + "01006D" + "010031", Convert.ToHexString(key.Encode()));
    }

    [Fact]
    public void Damaged_bytes_are_refused_without_a_throw()
    {
        var whole = new NodeKey(NodeKind.Link, "R", "model", "alias").Encode();
        for (var length = 0; length < whole.Length; length++)
            Assert.False(NodeKey.TryDecode(whole.AsSpan(0, length), out _));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => NodeKey.TryDecode(bytes, out _) || true));
    }

    [Fact]
    public void An_id_holds_ordinal_and_index_and_its_inode_forgets_the_seal()
    {
        var id = NodeId.Of(uint.MaxValue, (1 << 28) - 1);
        Assert.Equal(uint.MaxValue, id.Ordinal);
        Assert.Equal((1 << 28) - 1, id.Index);
        Assert.Equal(id.Value, id.Inode);
        Assert.Equal(id.Inode, new NodeId(id.Value | 5).Inode);
        Assert.Equal(1ul, NodeId.Root.Inode);
        Assert.NotEqual(NodeId.Root, NodeId.Of(1));
    }
}
